"""Rows that lie together by query: counting them, and taking some queries at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from syneg.mining.candidates import Integers, Mask


def per_query(mask: Mask, offsets: Integers) -> Integers:
    """Return how many of each query's rows are true.

    Example:
        >>> per_query(np.array([True, False, True]), np.array([0, 2, 2, 3])).tolist()
        [1, 0, 1]
    """
    before = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
    return np.asarray(before[offsets[1:]] - before[offsets[:-1]], np.int64)


def query_blocks(offsets: Integers, most: int = 1 << 20) -> Iterator[slice]:
    """Yield slices of queries that have few rows, also when padded to the longest query.

    Args:
        offsets: As in `Candidates`.
        most: Most queries × longest query of a slice; a single query may have more.

    Example:
        >>> list(query_blocks(np.array([0, 2, 4, 9]), most=4))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    start, longest = 0, 0
    for query, count in enumerate(np.diff(offsets).tolist()):
        longest = max(longest, count)
        if query > start and longest * (query + 1 - start) > most:
            yield slice(start, query)
            start, longest = query, count
    if start < len(offsets) - 1:
        yield slice(start, len(offsets) - 1)
