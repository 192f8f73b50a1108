"""How close negatives are to their query, by source, before and after training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.studies.instruments.arrays import finite_values

LOW, HIGH, BINS = -0.2, 1.0, 40
"""The cosines that occur between texts, in steps of 0.03."""


def similarity_histograms(
    similarities: Mapping[str, npt.ArrayLike],
    bins: int = BINS,
    low: float = LOW,
    high: float = HIGH,
) -> dict[str, Any]:
    """Count similarities to the own query, by source, in common bins.

    Args:
        similarities: Cosines to the own query by source, for example "positive", "llm",
            "dense" and "random".
        bins: How many bins of equal width, 1 or more.
        low: Lower edge of the first bin, which also holds what lies below.
        high: Upper edge of the last bin, which also holds what lies above.

    Returns:
        Plain values: `edges`, bins + 1 numbers, and `sources`, for each source its `count`,
        `counts` by bin, `mean` and `quartiles` (25%, 50%, 75%); mean and quartiles are None
        where a source has no value.

    Raises:
        ValueError: A similarity is not finite, or the bins are none.

    Example:
        >>> found = similarity_histograms({"llm": [0.1, 0.4, 0.6]}, bins=2, low=0.0)
        >>> found["edges"], found["sources"]["llm"]["counts"]
        ([0.0, 0.5, 1.0], [2, 1])
        >>> found["sources"]["llm"]["quartiles"]
        [0.25, 0.4, 0.5]
    """
    edges = _edges(bins, low, high)
    sources: dict[str, dict[str, Any]] = {}
    for source, given in similarities.items():
        values = finite_values(given, f"the similarities of '{source}'")
        quartiles = np.percentile(values, [25, 50, 75]).tolist() if len(values) else None
        sources[source] = {
            "count": len(values),
            "counts": _counts(values, edges).tolist(),
            "mean": float(values.mean()) if len(values) else None,
            "quartiles": quartiles,
        }
    return {"edges": edges.tolist(), "sources": sources}


def overlap(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    bins: int = BINS,
    low: float = LOW,
    high: float = HIGH,
) -> float:
    """Return how much two histograms of similarities have in common, in [0, 1].

    The overlapping coefficient (Inman and Bradley 1989): in each bin the smaller of the two
    shares, summed. 1 means that similarity does not tell the sources apart, 0 that it does so
    without error. With few values it comes out too low.

    Args:
        first: Similarities of one source, one or more.
        second: Similarities of the other, one or more.
        bins: As for `similarity_histograms`.
        low: As for `similarity_histograms`.
        high: As for `similarity_histograms`.

    Raises:
        ValueError: A source has no value, a similarity is not finite, or the bins are none.

    Example:
        >>> overlap([0.1, 0.1, 0.9, 0.9], [0.9, 0.9, 0.9, 0.9])
        0.5
    """
    edges = _edges(bins, low, high)
    shares = []
    for given in (first, second):
        values = finite_values(given, "the similarities")
        if not len(values):
            raise ValueError("a source without similarities has no overlap")
        shares.append(_counts(values, edges) / len(values))
    return float(np.minimum(*shares).sum())


def above_positive(negative: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Return the share of negatives that the model scores above their own positive.

    Args:
        negative: Similarity of each negative to its query, one or more.
        positive: Similarity of that negative's positive to the same query, in the same order.

    Raises:
        ValueError: The two differ in length, there are none, or one is not finite.

    Example:
        >>> above_positive([0.5, 0.7, 0.6, 0.2], [0.6, 0.6, 0.6, 0.6])
        0.25
    """
    negatives = finite_values(negative, "the similarities of the negatives")
    positives = finite_values(positive, "the similarities of the positives")
    if len(negatives) != len(positives) or not len(negatives):
        raise ValueError(f"{len(negatives)} negatives and {len(positives)} positives")
    return float((negatives > positives).mean())


def _edges(bins: int, low: float, high: float) -> npt.NDArray[np.float64]:
    if bins < 1 or not low < high:
        raise ValueError(f"{bins} bins from {low} to {high}")
    return np.linspace(low, high, bins + 1)


def _counts(
    values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    # Clipped, so that the counts of two sources always add up to their numbers.
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return counts.astype(np.int64)
