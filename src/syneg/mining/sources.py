"""The retrieved sources: chance, BM25 and a dense retriever."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import Encoder
from syneg.encoders.search import exact_search
from syneg.encoders.store import VectorStore
from syneg.errors import MissingExtraError
from syneg.mining.source import Candidates, propose_found
from syneg.seeding import generator_for


class RandomSource:
    """Documents drawn by chance.

    Args:
        depth: Negatives per query.
        seed: Each query draws from a generator seeded by (seed, query id).
    """

    name = "random"

    def __init__(self, depth: int = 10, *, seed: int = 0) -> None:
        self.depth = depth
        self.seed = seed

    def propose(self, dataset: RetrievalDataset, split: str) -> pa.Table:
        """Return `depth` random documents for each query that has a positive."""

        def draw(query_ids: list[str], depth: int) -> Candidates:
            rows = np.full((len(query_ids), depth), -1, np.int64)
            for number, query_id in enumerate(query_ids):
                generator = generator_for(self.seed, "random", query_id)
                rows[number] = generator.choice(dataset.corpus.num_rows, depth, replace=False)
            return Candidates(query_ids, rows, np.zeros(rows.shape, np.float32))

        return propose_found(dataset, split, self.name, self.depth, draw)


class BM25Source:
    """The documents that BM25 ranks highest (bm25s, Lucene's variant, English stemmer).

    Args:
        depth: Negatives per query.
    """

    name = "bm25"

    def __init__(self, depth: int = 30) -> None:
        self.depth = depth

    def propose(self, dataset: RetrievalDataset, split: str) -> pa.Table:
        """Return the `depth` best non-positives for each query that has a positive.

        Raises:
            MissingExtraError: bm25s or PyStemmer is not installed.
        """

        def search(query_ids: list[str], depth: int) -> Candidates:
            rows, scores = bm25_search(dataset, dataset.query_texts(query_ids), depth)
            # A document that shares no word with the query was not found by BM25.
            return Candidates(query_ids, np.where(scores > 0, rows, -1), scores)

        return propose_found(dataset, split, self.name, self.depth, search)


class DenseSource:
    """The documents nearest to the query under an encoder.

    Args:
        encoder: The model.
        vectors: The corpus encoded by it.
        depth: Negatives per query.
    """

    name = "dense"

    def __init__(self, encoder: Encoder, vectors: VectorStore, depth: int = 30) -> None:
        self.encoder = encoder
        self.vectors = vectors
        self.depth = depth

    def propose(self, dataset: RetrievalDataset, split: str) -> pa.Table:
        """Return the `depth` nearest non-positives for each query that has a positive."""

        def search(query_ids: list[str], depth: int) -> Candidates:
            query_vectors = self.encoder.encode_queries(dataset.query_texts(query_ids))
            rows, scores = exact_search(query_vectors, self.vectors.blocks(), depth)
            return Candidates(query_ids, rows, scores)

        return propose_found(dataset, split, self.name, self.depth, search)


def bm25_search(
    dataset: RetrievalDataset, queries: list[str], depth: int
) -> tuple[
    np.ndarray[tuple[int, int], np.dtype[np.int64]],
    np.ndarray[tuple[int, int], np.dtype[np.float32]],
]:
    """Return corpus rows and BM25 scores, both of shape (queries, depth), best first.

    Raises:
        MissingExtraError: bm25s or PyStemmer is not installed.
    """
    try:
        import bm25s
        import Stemmer
    except ImportError as error:
        raise MissingExtraError(str(error.name), "mine") from error

    stemmer = Stemmer.Stemmer("english")
    texts = dataset.document_texts(range(dataset.corpus.num_rows))
    tokens = bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)
    if not tokens.vocab:
        # Nothing but stop words and single letters: BM25 finds no document.
        return np.full((len(queries), depth), -1), np.zeros((len(queries), depth), np.float32)
    index = bm25s.BM25(method="lucene")
    index.index(tokens, show_progress=False)
    asked = bm25s.tokenize(queries, stopwords="en", stemmer=stemmer, show_progress=False)
    rows, scores = index.retrieve(asked, k=depth, show_progress=False)
    return rows.astype(np.int64), scores.astype(np.float32)
