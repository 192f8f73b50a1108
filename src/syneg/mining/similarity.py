"""Similarities under the starting model, written on every record of the pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset, join_title
from syneg.encoders.encoder import Encoder, Vectors
from syneg.encoders.store import VectorStore
from syneg.mining.candidates import Candidates, Integers, Positives

# Bounds the memory: 65,536 rows of 384 numbers are 100 MB, and three such blocks are held.
_ROWS_AT_ONCE = 65_536


def add_similarities(
    negatives: pa.Table, dataset: RetrievalDataset, encoder: Encoder, vectors: VectorStore
) -> pa.Table:
    """Fill `query_similarity` and `positive_similarity` of mined and synthetic negatives.

    Synthetic texts are encoded here; documents come from the store. Rows without a text and
    without a document keep null.

    Args:
        negatives: Columns of `NEGATIVE_SCHEMA`.
        dataset: Queries and corpus.
        encoder: The starting model.
        vectors: Its vectors of the corpus.
    """
    pieces = [
        _with_similarities(negatives.slice(start, _ROWS_AT_ONCE), dataset, encoder, vectors)
        for start in range(0, negatives.num_rows, _ROWS_AT_ONCE)
    ]
    return pa.concat_tables(pieces) if pieces else negatives


def _with_similarities(
    negatives: pa.Table, dataset: RetrievalDataset, encoder: Encoder, vectors: VectorStore
) -> pa.Table:
    own, has_vector = _negative_vectors(negatives, dataset, encoder, vectors)
    queries = _query_vectors(negatives["query_id"], dataset, encoder)
    documents = vectors.take(dataset.document_rows(negatives["positive_id"]))
    table = negatives
    for name, other in (("query_similarity", queries), ("positive_similarity", documents)):
        values = np.einsum("ij,ij->i", own, other, dtype=np.float32)
        column = pa.array(values, pa.float32(), mask=~has_vector)
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


def positive_similarities(
    negatives: pa.Table, dataset: RetrievalDataset, encoder: Encoder, vectors: VectorStore
) -> dict[tuple[str, str], float]:
    """Return the similarity of each (query, positive) that the negatives refer to."""
    pairs = negatives.select(["query_id", "positive_id"]).group_by(["query_id", "positive_id"])
    table = pairs.aggregate([])
    queries = _query_vectors(table["query_id"], dataset, encoder)
    documents = vectors.take(dataset.document_rows(table["positive_id"]))
    values = np.einsum("ij,ij->i", queries, documents)
    names = zip(table["query_id"].to_pylist(), table["positive_id"].to_pylist(), strict=True)
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def compare_candidates(
    candidates: Candidates,
    positives: Positives,
    dataset: RetrievalDataset,
    encoder: Encoder,
    vectors: VectorStore,
) -> tuple[Candidates, Positives]:
    """Return candidates and positives with their similarities to the queries.

    Candidates that have similarities already (a dense source's are its scores) keep them.

    Args:
        candidates: What was found.
        positives: Of the same queries.
        dataset: Queries and corpus.
        encoder: The model.
        vectors: Its vectors of the corpus.
    """
    queries = encoder.encode_queries(dataset.query_texts(candidates.query_ids))
    known = _products(queries, positives.owners, positives.documents, vectors)
    if candidates.similarities is None:
        found = _products(queries, candidates.owners, candidates.documents, vectors)
        candidates = replace(candidates, similarities=found)
    return candidates, replace(positives, similarities=known)


def compare_positives(
    positives: Positives, dataset: RetrievalDataset, encoder: Encoder, vectors: VectorStore
) -> Positives:
    """Return positives with their similarities to the queries; see `compare_candidates`."""
    queries = encoder.encode_queries(dataset.query_texts(positives.query_ids))
    known = _products(queries, positives.owners, positives.documents, vectors)
    return replace(positives, similarities=known)


def _products(
    queries: Vectors, owners: Integers, documents: Integers, vectors: VectorStore
) -> Vectors:
    result = np.empty(len(owners), np.float32)
    for start in range(0, len(owners), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        taken = vectors.take(documents[rows])
        result[rows] = np.einsum("ij,ij->i", queries[owners[rows]], taken)
    return result


def _negative_vectors(
    negatives: pa.Table, dataset: RetrievalDataset, encoder: Encoder, vectors: VectorStore
) -> tuple[Vectors, npt.NDArray[np.bool_]]:
    doc_ids = negatives["doc_id"].to_pylist()
    texts = negatives["text"].to_pylist()
    mined = np.array([doc_id is not None for doc_id in doc_ids], dtype=bool)
    written = np.array([text is not None for text in texts], dtype=bool) & ~mined
    mined_rows = dataset.document_rows([one for one in doc_ids if one is not None])
    found = vectors.take(mined_rows)
    titles = negatives["title"].to_pylist()
    encoded = encoder.encode_documents(
        [join_title(titles[number], texts[number]) for number in np.flatnonzero(written)]
    )
    dimensions = max(found.shape[1], encoded.shape[1])
    own = np.zeros((len(doc_ids), dimensions), np.float32)
    if mined.any():
        own[mined] = found
    if written.any():
        own[written] = encoded
    return own, mined | written


def _query_vectors(ids: pa.ChunkedArray, dataset: RetrievalDataset, encoder: Encoder) -> Vectors:
    encoded = ids.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    vectors = encoder.encode_queries(dataset.query_texts(encoded.dictionary.to_pylist()))
    result: Vectors = vectors[encoded.indices.to_numpy()]
    return result
