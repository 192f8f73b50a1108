"""The round trip: does a generated query find the document that it was written for?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import Encoder
from syneg.encoders.search import exact_search
from syneg.encoders.store import VectorStore
from syneg.errors import MissingExtraError
from syneg.filters.words import Run, runs, words
from syneg.synthesis.queries_language import language_of

_QUERIES_AT_ONCE = 1024
_SHINGLE = 3
_ALIKE = 0.8
_SAMPLE = 200

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


class Retriever(Protocol):
    """Finds documents for queries."""

    @property
    def name(self) -> str:
        """What is written beside the ranks that it gave."""
        ...  # pragma: no cover

    def search(self, queries: Sequence[str], depth: int) -> tuple[Rows, Scores]:
        """Return corpus rows and scores, both of shape (queries, depth), best first.

        Rows are -1 where nothing was found.
        """
        ...  # pragma: no cover


class BM25Retriever:
    """BM25 (bm25s, Lucene's variant) for any language.

    Words are those of `syneg.filters.words`, so that each Chinese or Japanese sign is one. They
    are stemmed as in the language that most of the documents are in, of ten European ones.

    Args:
        dataset: Whose corpus is searched; it is indexed once.

    Raises:
        MissingExtraError: bm25s or PyStemmer is not installed.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Dogs bark."), ("d2", "", "Cats purr.")],
        ...     queries=[], qrels={})
        >>> rows, _ = BM25Retriever(data).search(["a purring cat"], 2)
        >>> rows.tolist()
        [[1, -1]]
    """

    name = "bm25"

    def __init__(self, dataset: RetrievalDataset) -> None:
        try:
            import bm25s
            import Stemmer
        except ImportError as error:
            raise MissingExtraError(str(error.name), "mine") from error
        language = _usual_language(dataset)
        known = language in Stemmer.algorithms()
        stemmer = Stemmer.Stemmer(language if known else "english")
        self._stem = lru_cache(maxsize=1 << 16)(stemmer.stemWord)
        self._index = bm25s.BM25(method="lucene")
        self._size = dataset.corpus.num_rows
        vocabulary: dict[str, int] = {}
        ids: list[list[int]] = []
        for start in range(0, self._size, _QUERIES_AT_ONCE):
            texts = dataset.document_texts(range(start, min(start + _QUERIES_AT_ONCE, self._size)))
            for text in texts:
                found = self._words(text)
                ids.append([vocabulary.setdefault(one, len(vocabulary)) for one in found])
        self._vocabulary = vocabulary
        if vocabulary:
            tokens = bm25s.tokenization.Tokenized(ids=ids, vocab=vocabulary)
            self._index.index(tokens, show_progress=False)

    def search(self, queries: Sequence[str], depth: int) -> tuple[Rows, Scores]:
        """Return the documents that share a word with each query, best first."""
        depth = min(depth, self._size)
        if not self._vocabulary or not queries:
            empty = np.zeros((len(queries), depth), np.float32)
            return np.full(empty.shape, -1, np.int64), empty
        asked = [[one for one in self._words(text) if one in self._vocabulary] for text in queries]
        rows, scores = self._index.retrieve(asked, k=depth, show_progress=False)
        return np.where(scores > 0, rows, -1).astype(np.int64), scores.astype(np.float32)

    def _words(self, text: str) -> list[str]:
        return [self._stem(one) for one in words(text)]


class DenseRetriever:
    """The documents nearest to a query under an encoder.

    Args:
        encoder: The model.
        vectors: The corpus encoded by it.
        name: What the ranks are recorded under.
    """

    def __init__(self, encoder: Encoder, vectors: VectorStore, name: str) -> None:
        self._encoder = encoder
        self._vectors = vectors
        self.name = name

    def search(self, queries: Sequence[str], depth: int) -> tuple[Rows, Scores]:
        """Return the nearest documents of each query, by exact search."""
        vectors = self._encoder.encode_queries(list(queries))
        return exact_search(vectors, self._vectors.blocks(), depth)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a query found its document.

    Attributes:
        rank: 1 and the number of documents ahead of it that are not near-identical to it;
            None when it is not among those looked at.
        raw_rank: The same with near-identical documents counted.
    """

    rank: int | None
    raw_rank: int | None


def round_trip(
    dataset: RetrievalDataset,
    queries: Sequence[str],
    documents: Sequence[str],
    retriever: Retriever,
    *,
    depth: int = 100,
) -> list[Found]:
    """Search for queries and return where each finds its own document.

    As in Promptagator (arXiv 2209.11755) a query is good when it leads back to what it was
    written for. Documents with the same score do not stand ahead of one another. One whose
    runs of three words are the source's to 80% (Jaccard) is near-identical and is not counted:
    that it is found as well says nothing against the query.

    Args:
        dataset: The corpus that the retriever searches.
        queries: Texts of the queries.
        documents: The id of each query's own document.
        retriever: What searches.
        depth: How many documents are looked at for each query.

    Returns:
        One for each query, in their order.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Dogs bark."), ("d2", "", "Cats purr.")],
        ...     queries=[], qrels={})
        >>> round_trip(data, ["what purrs", "dogs"], ["d2", "d2"], BM25Retriever(data))
        [Found(rank=1, raw_rank=1), Found(rank=None, raw_rank=None)]
    """

    @lru_cache(maxsize=4096)
    def shingles(row: int) -> frozenset[Run]:
        return frozenset(runs(words(dataset.document_texts([row])[0]), _SHINGLE))

    def alike(one: int, other: int) -> bool:
        first, second = shingles(one), shingles(other)
        return len(first & second) >= _ALIKE * len(first | second)

    own_rows = dataset.document_rows(documents)
    found = []
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        part = slice(start, start + _QUERIES_AT_ONCE)
        rows, scores = retriever.search(queries[part], min(depth, dataset.corpus.num_rows))
        for own, places, values in zip(own_rows[part].tolist(), rows, scores, strict=True):
            here = np.flatnonzero(places == own)
            if own < 0 or not len(here):
                found.append(Found(None, None))
                continue
            ahead = places[(values > values[here[0]]) & (places >= 0)].tolist()
            twins = sum(alike(own, other) for other in ahead)
            found.append(Found(1 + len(ahead) - twins, 1 + len(ahead)))
    return found


def _usual_language(dataset: RetrievalDataset) -> str:
    rows = range(0, dataset.corpus.num_rows, max(dataset.corpus.num_rows // _SAMPLE, 1))
    found = Counter(filter(None, map(language_of, dataset.document_texts(rows))))
    return min(found, key=lambda one: (-found[one], one), default="English").lower()
