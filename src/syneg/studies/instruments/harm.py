"""Harm: has training pushed a kind of text away from every query, not only from its own?

A model that learns "this text does not answer this query" leaves the text's scores to other
queries alone. A model that learns "this text looks generated, so it is irrelevant" lowers them
for all queries. Rewritten positives are the control: they look generated and are relevant; if
they sink as the generated negatives do, it is the style that the model has learnt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.studies.instruments.arrays import Floats, finite_values

_TWO_SIDED = 1.96
"""The normal quantile of a 95% interval."""


@dataclass(frozen=True)
class HarmResult:
    """What training did to the query-independent scores of one kind of text.

    Attributes:
        texts: How many texts.
        before: Their mean score before training.
        after: Their mean score after training.
        change: after - before.
        difference: The change minus the change of the reference; below 0 the kind was pushed
            down further than the reference.
        standard_error: Of the difference, with texts as units; 0 for the reference itself.
        low: Lower end of the 95% interval of the difference.
        high: Upper end of it.
        standardised: The difference in standard deviations of the reference's scores before
            training; None where they do not spread.
    """

    texts: int
    before: float
    after: float
    change: float
    difference: float
    standard_error: float
    low: float
    high: float
    standardised: float | None

    def summary(self) -> dict[str, Any]:
        """Return plain values for a report."""
        return asdict(self)


def query_independent_scores(
    texts: Floats, queries: Floats, own: Sequence[int] | npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float64]:
    """Return each text's mean similarity to the queries that are not its own.

    Args:
        texts: Vectors of the texts, shape (n, dimensions). Of length 1 for cosines.
        queries: Vectors of the queries, shape (m, dimensions), from the same model.
        own: Row of each text's own query, shape (n,); -1 for a text that has none.

    Returns:
        Shape (n,); in [-1, 1] for vectors of length 1.

    Raises:
        ValueError: Numbers or dimensions do not fit, a row is not there, or a text has no
            query but its own.

    Example:
        >>> queries = np.eye(3)
        >>> query_independent_scores(queries[:2], queries, [0, -1]).round(3)
        array([0.   , 0.333])
    """
    rows = np.asarray(own, dtype=np.int64)
    if rows.shape != (len(texts),):
        raise ValueError(f"{len(texts)} texts, but {rows.size} own queries")
    if texts.ndim != 2 or queries.ndim != 2 or texts.shape[1] != queries.shape[1]:
        raise ValueError(f"texts of shape {texts.shape}, queries of shape {queries.shape}")
    if rows.size and (rows.min() < -1 or rows.max() >= len(queries)):
        raise ValueError(f"a row of an own query is not between -1 and {len(queries) - 1}")
    has_own = rows >= 0
    others = len(queries) - has_own
    if (others < 1).any():
        raise ValueError("there must be a query besides a text's own")
    precise = texts.astype(np.float64)
    # The sum over all queries and one to take away: no matrix of all texts by all queries.
    total = precise @ queries.sum(axis=0, dtype=np.float64)
    total[has_own] -= np.einsum("ij,ij->i", precise[has_own], queries[rows[has_own]])
    scores: npt.NDArray[np.float64] = total / others
    return scores


def harm(
    before: Mapping[str, npt.ArrayLike],
    after: Mapping[str, npt.ArrayLike],
    reference: str = "corpus",
) -> dict[str, HarmResult]:
    """Compare how training moved the scores of several kinds of text.

    Training shifts and spreads the scores of all texts, so a change says something only
    beside that of the reference. The interval knows the texts, not the luck of one training:
    compare seeds as well. Texts that were themselves negatives in training sink for that
    reason too; those of queries kept out of training show what generalizes.

    Args:
        before: `query_independent_scores` under the starting model, by kind of text, for
            example "llm", "rewritten_positive" and "corpus"; two or more texts of each.
        after: The same texts in the same order under the trained model.
        reference: The kind that stands for "any text". With the rewritten positives as
            the reference, the difference of "llm" is what is left beyond the style.

    Returns:
        One result for each kind, the reference among them (its difference is 0).

    Raises:
        ValueError: The kinds or their numbers differ between before and after, the reference
            is missing, a kind has fewer than two texts, or a score is not finite.

    Example:
        >>> before = {"corpus": [0.1, 0.2, 0.3, 0.2], "llm": [0.2, 0.3, 0.2]}
        >>> after = {"corpus": [0.2, 0.3, 0.4, 0.3], "llm": [0.1, 0.2, 0.1]}
        >>> result = harm(before, after)["llm"]
        >>> round(result.change, 3), round(result.difference, 3), round(result.standardised, 1)
        (-0.1, -0.2, -2.4)
    """
    if before.keys() != after.keys():
        raise ValueError(f"kinds before: {sorted(before)}, after: {sorted(after)}")
    if reference not in before:
        raise ValueError(f"there is no kind '{reference}' to compare with")
    first = {kind: _scores(values, kind) for kind, values in before.items()}
    second = {kind: _scores(values, kind) for kind, values in after.items()}
    changes = {}
    for kind in first:
        if len(first[kind]) != len(second[kind]):
            raise ValueError(f"'{kind}': {len(first[kind])} before, {len(second[kind])} after")
        changes[kind] = second[kind] - first[kind]
    spread = float(first[reference].std(ddof=1))
    results = {}
    for kind, change in changes.items():
        difference = float(change.mean() - changes[reference].mean())
        # The reference differs from itself by nothing, whatever its texts.
        error = 0.0 if kind == reference else _standard_error(change, changes[reference])
        results[kind] = HarmResult(
            texts=len(change),
            before=float(first[kind].mean()),
            after=float(second[kind].mean()),
            change=float(change.mean()),
            difference=difference,
            standard_error=error,
            low=difference - _TWO_SIDED * error,
            high=difference + _TWO_SIDED * error,
            standardised=difference / spread if spread > 0 else None,
        )
    return results


def _scores(values: npt.ArrayLike, kind: str) -> npt.NDArray[np.float64]:
    scores = finite_values(values, f"the scores of '{kind}'")
    if len(scores) < 2:
        raise ValueError(f"'{kind}' needs two or more texts, not {len(scores)}")
    return scores


def _standard_error(first: Floats, second: Floats) -> float:
    parts = (float(values.var(ddof=1)) / len(values) for values in (first, second))
    return float(sum(parts) ** 0.5)
