"""Indexes of FAISS over stored vectors, tuned until they find what exact search finds."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from syneg.encoders.contract import Vectors
from syneg.encoders.topk import Rows
from syneg.errors import MissingExtraError

# Vectors per list that k-means is trained on; FAISS itself never takes more than 256.
_TRAINED_PER_LIST = 64
_LINKS = 32
_BREADTH_OF_BUILDING = 100
_ROWS_AT_ONCE = 16_384


class IndexKind(StrEnum):
    """The indexes of FAISS that can be asked for."""

    FLAT = "flat"
    IVF = "ivf"
    HNSW = "hnsw"


@dataclass
class FaissIndex:
    """A corpus in an index of FAISS, in memory.

    Attributes:
        kind: Which index.
        index: The object of FAISS.
        effort: Lists looked at per query (IVF) or breadth of the search (HNSW); 0 for flat,
            which looks at everything.
        most: The largest effort that changes anything.
    """

    kind: IndexKind
    index: Any
    effort: int
    most: int

    def search(self, queries: Vectors, depth: int) -> tuple[Rows, Vectors]:
        """Return rows (-1 where nothing was found) and scores, shape (queries, depth)."""
        if self.kind is IndexKind.IVF:
            self.index.nprobe = self.effort
        if self.kind is IndexKind.HNSW:
            self.index.hnsw.efSearch = max(self.effort, depth)
        scores, rows = self.index.search(np.ascontiguousarray(queries, np.float32), depth)
        # FAISS leaves the order of equal scores open.
        order = np.lexsort((rows, -scores), axis=1)
        return (
            np.take_along_axis(rows, order, axis=1).astype(np.int64),
            np.take_along_axis(scores, order, axis=1).astype(np.float32),
        )


def build_index(
    kind: IndexKind,
    blocks: Callable[[], Iterable[tuple[int, Vectors]]],
    rows: int,
    dimensions: int,
    *,
    seed: int = 0,
) -> FaissIndex:
    """Put a corpus into an index of FAISS; all of it is held in memory.

    IVF sorts the documents into about 4·√rows lists by k-means, trained on a sample drawn with
    the seed. HNSW links each document to 32 others; it is built in one thread, because FAISS
    builds another graph each time with several, and so takes long for millions.

    Args:
        kind: Which index.
        blocks: Gives (first row, vectors) pairs that cover the corpus; called more than once.
        rows: Number of documents, from 1.
        dimensions: Of a vector.
        seed: Of the sample and the k-means.

    Raises:
        MissingExtraError: FAISS is not installed.

    Example:
        >>> vectors = np.eye(4, dtype=np.float32)
        >>> index = build_index(IndexKind.FLAT, lambda: [(0, vectors)], 4, 4)
        >>> index.search(vectors[2:3], 1)[0].tolist()
        [[2]]
    """
    faiss = import_faiss()
    inner = faiss.METRIC_INNER_PRODUCT
    if kind is IndexKind.FLAT:
        built = FaissIndex(kind, faiss.IndexFlatIP(dimensions), 0, 0)
    elif kind is IndexKind.HNSW:
        index = faiss.IndexHNSWFlat(dimensions, _LINKS, inner)
        index.hnsw.efConstruction = _BREADTH_OF_BUILDING
        built = FaissIndex(kind, index, 16, max(16, min(rows, 4096)))
    else:
        lists = max(1, min(round(4 * math.sqrt(rows)), rows // 39 or 1))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimensions), dimensions, lists, inner)
        index.cp.seed = seed + 1  # FAISS takes 0 for "draw one".
        index.train(_sample(blocks, rows, lists * _TRAINED_PER_LIST, seed))
        built = FaissIndex(kind, index, 1, lists)
    with one_thread(faiss) if kind is IndexKind.HNSW else contextlib.nullcontext():
        for _, block in blocks():
            for start in range(0, len(block), _ROWS_AT_ONCE):
                piece = block[start : start + _ROWS_AT_ONCE]
                built.index.add(np.ascontiguousarray(piece, np.float32))
    return built


def tune_effort(index: FaissIndex, queries: Vectors, expected: Rows, target: float) -> float:
    """Double an index's effort until its recall reaches a target; return the recall.

    Args:
        index: Its effort is set.
        queries: A sample of queries, at least one, shape (n, dimensions).
        expected: The rows that exact search finds for them, shape (n, depth).
        target: Recall to reach, from 0 to 1.

    Returns:
        The share of `expected` that the index finds with the effort set; below the target if
        no effort reaches it.
    """
    while True:
        found, _ = index.search(queries, expected.shape[1])
        reached = recall(found, expected)
        if reached >= target or index.effort >= index.most:
            return reached
        index.effort = min(index.most, 2 * index.effort)


def recall(found: Rows, expected: Rows) -> float:
    """Return the share of the expected rows that were found, over all queries.

    Example:
        >>> recall(np.array([[3, 1]]), np.array([[1, 2]]))
        0.5
    """
    if not expected.size:
        return 1.0
    hits = sum(len(np.intersect1d(one, other)) for one, other in zip(found, expected, strict=True))
    return hits / int((expected >= 0).sum())


def import_faiss() -> Any:
    """Return the module of FAISS.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("faiss", "faiss") from error
    return faiss


@contextlib.contextmanager
def one_thread(faiss: Any) -> Iterator[None]:
    """Let FAISS work in one thread while a block runs."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _sample(
    blocks: Callable[[], Iterable[tuple[int, Vectors]]], rows: int, most: int, seed: int
) -> Vectors:
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.choice(rows, min(rows, most), replace=False))
    parts = []
    for start, block in blocks():
        first, last = np.searchsorted(chosen, [start, start + len(block)])
        parts.append(np.asarray(block[chosen[first:last] - start], np.float32))
    return np.concatenate(parts)
