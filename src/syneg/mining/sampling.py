"""Choosing among the candidates that the rules leave: the first, by chance, or SimANS."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from syneg.mining.candidates import Integers, Mask
from syneg.mining.rule_kinds import Columns
from syneg.mining.rules import Rule

Wanted = Integers
_Floats = npt.NDArray[np.float64]
_STEP = np.uint64(0x9E3779B97F4A7C15)


def chosen_rows(
    rule: Rule,
    rows: Columns,
    left: Mask,
    query_ids: Sequence[str],
    wanted: int,
    seed: int,
) -> Mask:
    """Tell which of the rows that are left a sampler chooses, up to `wanted` for each query.

    Args:
        rule: `top`, `random` or `simans`.
        rows: The rows of the queries, a query's together.
        left: Which rows no other rule removed.
        query_ids: The queries.
        wanted: How many for each; a count in the rule goes before it.
        seed: A query's draws depend on it, on the query's id and on the candidate's place in
            the stored list alone: with other rules or other queries, the same are drawn.

    Source:
        SimANS (arXiv 2210.11773): p ∝ exp(-a·(s⁻ - s⁺ - b)²), drawn without replacement.
    """
    wanted = rule.count or wanted
    if rule.name == "top":
        return left & (_running_count(left, rows.counts) <= wanted)
    drawn = draws(query_ids, rows.counts, seed)
    if rule.name == "simans":
        values = dict(rule.values)
        distance = rows.similarities - rows.reference - values["b"]
        # The largest n of log p plus a Gumbel draw are a draw of n by p without replacement.
        drawn = -values["a"] * distance**2 - np.log(-np.log(drawn))
    return _largest(np.where(left, drawn, -np.inf), rows.counts, wanted)


def draws(query_ids: Sequence[str], counts: Integers, seed: int) -> _Floats:
    """Return a number from 0 to 1, both excluded, for each place of each query's list.

    A query's numbers are SplitMix64's, begun at a hash of the seed and the query's id.

    Args:
        query_ids: The queries.
        counts: How many numbers for each.
        seed: Of all draws.

    Example:
        >>> both = draws(["a", "b"], np.array([2, 1]), seed=0)
        >>> both[2] == draws(["b"], np.array([3]), seed=0)[0]
        np.True_
    """
    begins = np.array([_begin(seed, one) for one in query_ids], np.uint64)
    first = np.cumsum(counts) - counts
    places = np.arange(int(counts.sum())) - np.repeat(first, counts) + 1
    with np.errstate(over="ignore"):
        mixed = np.repeat(begins, counts) + places.astype(np.uint64) * _STEP
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return np.asarray(((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)


def _begin(seed: int, query_id: str) -> int:
    text = f"{seed}\x1fselect\x1f{query_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little")


def _running_count(left: Mask, counts: Integers) -> Integers:
    """Return how many rows of the same query are left up to and including each row."""
    running = np.cumsum(left, dtype=np.int64)
    ends = np.cumsum(counts)
    before = np.concatenate([[0], running])[ends - counts]
    return np.asarray(running - np.repeat(before, counts), np.int64)


def _largest(keys: _Floats, counts: Integers, wanted: int) -> Mask:
    """Tell which rows have the largest keys of their query; keys of -inf never do."""
    width = int(counts.max(initial=0))
    chosen = keys > -np.inf
    if width <= wanted:
        return chosen
    # The queries padded to the longest: a partition of many short rows at once.
    grid = np.full((len(counts), width), -np.inf)
    inside = np.arange(width) < counts[:, None]
    grid[inside] = keys
    best = np.argpartition(-grid, wanted - 1, axis=1)[:, :wanted]
    among = np.zeros(grid.shape, bool)
    np.put_along_axis(among, best, True, axis=1)
    return np.asarray(chosen & among[inside])
