"""The nearest documents of queries in a store: exactly, or by an index whose recall is measured."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from syneg.encoders.contract import Precision, Vectors
from syneg.encoders.devices import mining_precision
from syneg.encoders.faiss_index import IndexKind, build_index, recall, tune_effort
from syneg.encoders.search import exact_search
from syneg.encoders.store import VectorStore
from syneg.encoders.topk import Rows
from syneg.errors import InputError
from syneg.seeding import generator_for

logger = logging.getLogger(__name__)


class SearchMethod(StrEnum):
    """How to search; `AUTO` chooses by the size of the corpus."""

    AUTO = "auto"
    EXACT = "exact"
    FLAT = "flat"
    IVF = "ivf"
    HNSW = "hnsw"


# Two cores search a million documents for ten thousand queries in a minute or two.
MOST_FOR_EXACT = 1_000_000
_SAMPLE = 100


@dataclass(frozen=True)
class SearchOptions:
    """How a store is searched.

    Attributes:
        method: `exact` looks at every document, block by block from disk. The others hold the
            corpus in memory, in an index of FAISS: `flat` looks at every document too, `ivf`
            and `hnsw` at a part. `auto` is exact up to a million documents and `ivf` beyond;
            it is exact everywhere where FAISS is not installed, and where there are no more
            queries than the sample, which is searched for exactly in any case.
        target_recall: Share of what exact search finds that `ivf` and `hnsw` must find.
        sample: So many of the queries, drawn with the seed, are searched for exactly too, to
            set the index and to measure its recall.
        screening: As in `exact_search`; None takes what is fastest on the device. It does not
            change what is found.
        device: Where exact search computes, for example "cuda:0".
        seed: Of the sample and of the index.
    """

    method: SearchMethod = SearchMethod.AUTO
    target_recall: float = 0.95
    sample: int = _SAMPLE
    screening: Precision | None = None
    device: str = "cpu"
    seed: int = 0

    @property
    def identity(self) -> tuple[object, ...]:
        """All that changes what is found: for the names of caches."""
        if self.method is SearchMethod.EXACT:
            return (self.method.value,)
        return (self.method.value, self.target_recall, self.sample, self.seed)

    def __post_init__(self) -> None:
        if not 0 < self.target_recall <= 1:
            raise InputError(
                "must be above 0 and at most 1",
                field="target_recall",
                value=self.target_recall,
            )
        if self.sample < 1:
            raise InputError("must be at least 1", field="sample", value=self.sample)


@dataclass(frozen=True)
class Nearest:
    """What a search found.

    Attributes:
        rows: Corpus rows, shape (queries, depth), best first; -1 where an index found nothing.
        scores: Dot products, same shape; equal ones are ordered by row.
        method: The method that was used, never `AUTO`.
        recall: Share of the exact result that was found for the sampled queries; 1 for exact.
        sampled: Queries that the recall was measured on; 0 for exact.
        effort: Lists looked at per query (ivf) or breadth of the search (hnsw), else 0.
    """

    rows: Rows
    scores: Vectors
    method: SearchMethod
    recall: float
    sampled: int
    effort: int

    @property
    def facts(self) -> dict[str, Any]:
        """The method and, for an index, its recall and how it was measured."""
        told: dict[str, Any] = {"method": self.method.value}
        if self.method is not SearchMethod.EXACT:
            told |= {"recall": round(self.recall, 4), "sampled_queries": self.sampled}
            told |= {"effort": self.effort}
        return told


def search_store(
    queries: Vectors,
    store: VectorStore,
    depth: int,
    options: SearchOptions | None = None,
) -> Nearest:
    """Return the documents of a store with the highest dot product to each query.

    Args:
        queries: Shape (n, dimensions).
        store: The corpus.
        depth: Documents per query, from 1; fewer come back if the corpus is smaller.
        options: How to search.

    Raises:
        InputError: Queries and store have different dimensions, `depth` is below 1, or a
            number is not finite.
        MissingExtraError: The method asked for needs FAISS, which is not installed.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from syneg.encoders.given import open_vectors
        >>> path = Path(tempfile.mkdtemp()) / "vectors.npy"
        >>> np.save(path, np.eye(3, dtype=np.float32))
        >>> found = search_store(np.eye(3, dtype=np.float32)[1:2], open_vectors(path), 1)
        >>> found.rows.tolist(), found.method.value, found.recall
        ([[1]], 'exact', 1.0)
    """
    options = options or SearchOptions()
    if depth < 1:
        raise InputError("must be at least 1", field="depth", value=depth)
    if store.rows and len(queries) and queries.shape[1] != store.dimensions:
        raise InputError(
            f"the queries have {queries.shape[1]} dimensions and the stored vectors "
            f"{store.dimensions}",
            file=store.folder,
            remedy="encode both with the same model, cut to the same dimensions",
        )
    method = _chosen(options, store.rows, len(queries))
    if method is SearchMethod.EXACT or not store.rows or not len(queries):
        rows, scores = _exact(queries, store, depth, options)
        return Nearest(rows, scores, SearchMethod.EXACT, 1.0, 0, 0)
    return _by_index(IndexKind(method.value), queries, store, min(depth, store.rows), options)


def _by_index(
    kind: IndexKind, queries: Vectors, store: VectorStore, depth: int, options: SearchOptions
) -> Nearest:
    # FAISS would sort what is not finite somewhere.
    if not np.isfinite(queries).all():
        raise InputError("the vector of a query holds numbers that are not finite", field="queries")
    generator = generator_for(options.seed, "recall of the index")
    sample = generator.permutation(len(queries))[: options.sample]
    # It refuses documents' numbers that are not finite, which would end FAISS in the middle.
    expected, _ = _exact(queries[sample], store, depth, options)
    index = build_index(kind, store.blocks, store.rows, store.dimensions, seed=options.seed)
    if kind is not IndexKind.FLAT:
        reached = tune_effort(index, queries[sample], expected, options.target_recall)
        if reached < options.target_recall:
            logger.warning(
                "the index finds %.3f of what exact search finds, less than the %.3f asked for",
                reached,
                options.target_recall,
            )
    rows, scores = index.search(queries, depth)
    measured = recall(rows[sample], expected)
    logger.info("%s: recall %.4f on %d queries", kind.value, measured, len(sample))
    return Nearest(rows, scores, SearchMethod(kind.value), measured, len(sample), index.effort)


def _exact(
    queries: Vectors, store: VectorStore, depth: int, options: SearchOptions
) -> tuple[Rows, Vectors]:
    screening = options.screening or _fastest(options.device)
    return exact_search(queries, store.blocks(), depth, screening=screening, device=options.device)


def _fastest(device: str) -> Precision:
    try:
        return mining_precision(device)
    except ImportError:
        return Precision.FLOAT32  # NumPy alone searches too.


def _chosen(options: SearchOptions, rows: int, queries: int) -> SearchMethod:
    if options.method is not SearchMethod.AUTO:
        return options.method
    if rows <= MOST_FOR_EXACT or queries <= options.sample:
        return SearchMethod.EXACT
    try:
        import faiss  # noqa: F401
    except ImportError:
        logger.info("exact search of %d documents, because FAISS is not installed", rows)
        return SearchMethod.EXACT
    return SearchMethod.IVF
