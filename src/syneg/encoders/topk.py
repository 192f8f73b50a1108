"""The best documents of a query as whole numbers that sort like (score, row).

A score and a row become one 64-bit number, larger for a higher score and, between equal
scores, for a lower row. No two documents have the same, so the best are always the same ones,
whatever the order in which they are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from syneg.encoders.contract import Vectors

Keys = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]

# Smaller than the key of any document.
EMPTY = np.iinfo(np.int64).min
_LAST_ROW = (1 << 32) - 1


def to_keys(scores: Vectors, rows: Rows) -> Keys:
    """Return keys that sort by score, then towards the lower row.

    Args:
        scores: Finite or infinite, not NaN; float32.
        rows: From 0 to 2³² − 1, the same shape.

    Example:
        >>> keys = to_keys(np.array([0.5, -1.0, 0.5], np.float32), np.array([7, 1, 2]))
        >>> np.argsort(-keys).tolist()
        [2, 0, 1]
    """
    # Zero and minus zero are equal scores; adding zero makes them the same bits.
    bits = np.ascontiguousarray(scores + np.float32(0), np.float32).view(np.int32)
    # The bits of positive numbers sort as the numbers do, those of negative ones the other way.
    ordered = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    keys: Keys = (ordered.astype(np.int64) << 32) | (_LAST_ROW - rows)
    return keys


def from_keys(keys: Keys) -> tuple[Rows, Vectors]:
    """Return rows and scores; for `EMPTY`, row -1 and score minus infinity.

    Example:
        >>> rows, scores = from_keys(to_keys(np.array([-0.25], np.float32), np.array([3])))
        >>> rows.tolist(), scores.tolist()
        ([3], [-0.25])
    """
    ordered = (keys >> 32).astype(np.int32)
    bits = ordered ^ ((ordered >> 31) & np.int32(0x7FFFFFFF))
    empty = keys == EMPTY
    scores = np.where(empty, np.float32(-np.inf), bits.view(np.float32))
    rows = np.where(empty, -1, _LAST_ROW - (keys & _LAST_ROW))
    return rows, scores.astype(np.float32)


def best_keys(keys: Keys, depth: int) -> Keys:
    """Return the `depth` largest keys of each line, in no order, shape (n, depth or fewer)."""
    surplus = keys.shape[1] - depth
    return keys if surplus <= 0 else np.partition(keys, surplus, axis=1)[:, surplus:]


def merge_results(parts: Sequence[tuple[Rows, Vectors]], depth: int) -> tuple[Rows, Vectors]:
    """Return the best of several results for the same queries.

    It is the second half of a search that is spread over machines: each searches its part of
    the corpus, and the merged result is what one search of the whole corpus gives.

    Args:
        parts: Rows (-1 where there is none) and scores, each of shape (queries, any number).
        depth: Most documents per query.

    Returns:
        Rows and scores, best first, equal scores ordered by row.

    Example:
        >>> one = (np.array([[4, 0]]), np.array([[0.9, 0.2]], np.float32))
        >>> other = (np.array([[2, 7]]), np.array([[0.9, 0.5]], np.float32))
        >>> merge_results([one, other], 3)[0].tolist()
        [[2, 4, 7]]
    """
    keys = np.concatenate(
        [np.where(rows < 0, EMPTY, to_keys(scores, rows)) for rows, scores in parts], axis=1
    )
    return sorted_result(best_keys(keys, depth))


def sorted_result(keys: Keys) -> tuple[Rows, Vectors]:
    """Return rows and scores of keys, best first."""
    return from_keys(np.ascontiguousarray(np.sort(keys, axis=1)[:, ::-1]))
