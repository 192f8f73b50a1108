"""From a data set and an encoder to a run: the nearest documents of every query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import Encoder, Vectors
from syneg.encoders.search import exact_search
from syneg.encoders.store import VectorStore, encode_corpus
from syneg.files import replacing
from syneg.progress import Progress

RUN_SCHEMA = pa.schema(
    [
        ("query_id", pa.large_string()),
        ("doc_id", pa.large_string()),
        ("score", pa.float32()),
        ("rank", pa.int32()),
    ]
)
DEPTH = 100
_LOOKED_UP_AT_ONCE = 4096
_SPACES = re.compile(r"\s")


def corpus_vectors(
    dataset: RetrievalDataset, corpus_hash: str, encoder: Encoder, folder: Path, progress: Progress
) -> VectorStore:
    """Encode the corpus once; of one that grew, only the texts that are new.

    Args:
        dataset: Whose corpus is encoded.
        corpus_hash: The data set's fingerprint, computed once by the caller.
        encoder: The model, or an `EncoderGroup` for several devices.
        folder: Parent of the stores, each of which is named by its encoder's fingerprint.
        progress: Shows the documents done.

    Raises:
        InputError: The model gives a vector that is not finite; the document is named.
    """
    return encode_corpus(
        encoder,
        dataset.document_texts,
        dataset.corpus.num_rows,
        folder / encoder.fingerprint,
        progress,
        name=corpus_hash,
        id_of=lambda row: dataset.document_ids([row])[0],
    )


def retrieve(
    dataset: RetrievalDataset,
    query_ids: list[str],
    query_vectors: Vectors,
    blocks: Iterable[tuple[int, Vectors]],
    depth: int = DEPTH,
) -> pa.Table:
    """Return the run of the given queries, by exact search.

    A document that is the query itself (same id and same text, as in duplicate-question data)
    is left out.

    Args:
        dataset: The corpus that `blocks` hold the vectors of.
        query_ids: The queries, in the order of `query_vectors`.
        query_vectors: Shape (queries, dimensions).
        blocks: The corpus's vectors.
        depth: Documents per query.

    Returns:
        Columns of `RUN_SCHEMA`, rank from 1, best first within a query.
    """
    own = _own_rows(dataset, query_ids)
    rows, scores = exact_search(query_vectors, blocks, depth + int((own >= 0).any()))
    keep = rows != own[:, None]
    keep &= np.cumsum(keep, axis=1) <= depth
    counts = keep.sum(axis=1)
    ranks = np.cumsum(keep, axis=1)[keep]
    return pa.Table.from_arrays(
        [
            pa.array(np.repeat(np.array(query_ids, dtype=object), counts), pa.large_string()),
            pa.array(dataset.document_ids(rows[keep]), pa.large_string()),
            pa.array(scores[keep], pa.float32()),
            pa.array(ranks, pa.int32()),
        ],
        schema=RUN_SCHEMA,
    )


def write_trec_run(run: pa.Table, path: Path, tag: str) -> None:
    """Write a run in TREC's format: `qid Q0 docid rank score tag`.

    White space inside an id, which would break the columns, is percent-encoded.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as handle:
        for batch in run.to_batches(max_chunksize=65536):
            columns = [batch.column(name).to_pylist() for name in RUN_SCHEMA.names]
            for query_id, doc_id, score, rank in zip(*columns, strict=True):
                ids = (_SPACES.sub(_encoded, one) for one in (query_id, doc_id))
                handle.write("{} Q0 {} ".format(*ids) + f"{rank} {score:.6f} {tag}\n")


def _encoded(found: re.Match[str]) -> str:
    return quote(found.group())


def _own_rows(dataset: RetrievalDataset, query_ids: list[str]) -> np.ndarray:
    own = dataset.document_rows(query_ids)
    places = np.flatnonzero(own >= 0)
    # All of a part are looked up together: each look-up goes through all queries.
    for start in range(0, len(places), _LOOKED_UP_AT_ONCE):
        part = places[start : start + _LOOKED_UP_AT_ONCE]
        documents = dataset.document_texts(own[part])
        queries = dataset.query_texts([query_ids[place] for place in part.tolist()])
        for place, document, query in zip(part.tolist(), documents, queries, strict=True):
            if document.split() != query.split():
                own[place] = -1
    return own
