"""Exact nearest-neighbour search over blocks of vectors, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from syneg.encoders.encoder import Vectors

_QUERIES_AT_ONCE = 1024


def exact_search(
    queries: Vectors, blocks: Iterable[tuple[int, Vectors]], depth: int
) -> tuple[npt.NDArray[np.int64], Vectors]:
    """Return the `depth` documents with the highest dot product to each query.

    Args:
        queries: Shape (n, dimensions).
        blocks: (first row, vectors of shape (m, dimensions)) pairs that cover the corpus.
        depth: How many documents per query, from 1; fewer come back if the corpus is smaller.

    Returns:
        Rows and scores, both of shape (n, depth), best first; equal scores are ordered by
        row, so that the result does not depend on the blocks.

    Example:
        >>> vectors = np.eye(3, dtype=np.float32)
        >>> rows, scores = exact_search(vectors[:1], [(0, vectors[:2]), (2, vectors[2:])], 2)
        >>> rows.tolist(), scores.tolist()
        ([[0, 1]], [[1.0, 0.0]])
    """
    best_rows = np.zeros((len(queries), 0), np.int64)
    best_scores = np.zeros((len(queries), 0), np.float32)
    for start, block in blocks:
        rows, scores = _search_block(queries, np.asarray(block), depth)
        best_rows, best_scores = _merge(
            np.concatenate([best_rows, rows + start], axis=1),
            np.concatenate([best_scores, scores], axis=1),
            depth,
        )
    return best_rows, best_scores


def _search_block(
    queries: Vectors, block: Vectors, depth: int
) -> tuple[npt.NDArray[np.int64], Vectors]:
    depth = min(depth, len(block))
    rows = np.zeros((len(queries), depth), np.int64)
    scores = np.zeros((len(queries), depth), np.float32)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        piece = slice(start, start + _QUERIES_AT_ONCE)
        products = queries[piece] @ block.T
        # argpartition may cut through a group of equal scores at random; a full stable sort
        # of a block is cheap beside encoding it and keeps the order defined.
        order = np.argsort(-products, axis=1, kind="stable")[:, :depth]
        rows[piece] = order
        scores[piece] = np.take_along_axis(products, order, axis=1)
    return rows, scores


def _merge(
    rows: npt.NDArray[np.int64], scores: Vectors, depth: int
) -> tuple[npt.NDArray[np.int64], Vectors]:
    order = np.lexsort((rows, -scores), axis=1)[:, :depth]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)
