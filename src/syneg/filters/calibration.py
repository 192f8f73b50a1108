"""What is known of a judge from texts whose relevance is known: rates and what they allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
"""Level of all intervals."""

Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
"""Standard errors from the middle of a normal distribution to the end of its interval."""

# Of a judge this near to chance all estimates are noise.
_FEWEST_INFORMATION = 0.05


@dataclass(frozen=True, slots=True)
class Rate:
    """A share that was counted, with its interval.

    Attributes:
        hits: How many there were, from 0 to `total`.
        total: Out of how many.

    Example:
        >>> rate = Rate(96, 100)
        >>> f"{rate.value:.2f} ({rate.low:.4f} to {rate.high:.4f})"
        '0.96 (0.9016 to 0.9843)'
    """

    hits: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.total:
            raise ValueError(f"{self.hits} of {self.total} is no share")

    @property
    def value(self) -> float | None:
        """The share, in [0, 1]; None of nothing."""
        return self.hits / self.total if self.total else None

    @property
    def low(self) -> float:
        """Lower end of the 95% score interval (Wilson 1927); 0 of nothing."""
        return self._interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the interval; 1 of nothing."""
        return self._interval()[1]

    def _interval(self) -> tuple[float, float]:
        if not self.total:
            return 0.0, 1.0
        share, squared = self.hits / self.total, Z**2
        centre = share + squared / (2 * self.total)
        margin = Z * math.sqrt(share * (1 - share) / self.total + squared / (4 * self.total**2))
        scale = 1 + squared / self.total
        low, high = (centre - margin) / scale, (centre + margin) / scale
        # Rounding must not leave the observed share outside.
        return max(0.0, min(low, share)), min(1.0, max(high, share))

    def as_dict(self) -> dict[str, Any]:
        """Return share, interval and counts as JSON takes them."""
        value = self.value
        return {
            "value": None if value is None else round(value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "hits": self.hits,
            "total": self.total,
        }

    def __str__(self) -> str:
        if self.value is None:
            return "not measured"
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%}, {self.hits} of {self.total})"


def information(sensitivity: Rate, specificity: Rate) -> float | None:
    """Return how much better than chance a judge tells relevant texts from others.

    This is Youden's index (1950), sensitivity + specificity - 1: 1 for a judge who never errs,
    0 for one who calls relevant as many of the others as of the relevant texts.

    Returns:
        From -1 to 1; None where either was not measured, or the index is below 0.05, which is
        hardly better than chance.

    Example:
        >>> information(Rate(3, 4), Rate(4, 4)), information(Rate(4, 4), Rate(0, 4))
        (0.75, None)
    """
    if sensitivity.value is None or specificity.value is None:
        return None
    index = sensitivity.value + specificity.value - 1
    return index if index >= _FEWEST_INFORMATION else None


def prevalence(flagged: Rate, sensitivity: Rate, specificity: Rate) -> float | None:
    """Estimate which share of texts is truly relevant, from the share that a judge calls so.

    This is the estimator of Rogan and Gladen (1978): with share s of texts flagged,
    (s + specificity - 1) / (sensitivity + specificity - 1). It leaves [0, 1] when the judge
    flags fewer than its false alarms alone would explain, or more than there can be; it is
    clipped to within half a text of the ends, so that no text is ever held for certain.

    Args:
        flagged: Texts called relevant, among those judged.
        sensitivity: Relevant texts called relevant.
        specificity: Other texts not called relevant.

    Returns:
        The share, above 0 and below 1; None where nothing was judged or measured, or the
        judge tells relevant texts from others hardly better than chance.

    Example:
        >>> f"{prevalence(Rate(26, 100), Rate(90, 100), Rate(90, 100)):.2f}"
        '0.20'
        >>> prevalence(Rate(100, 100), Rate(10, 10), Rate(0, 10)) is None
        True
    """
    share, specific = flagged.value, specificity.value
    index = information(sensitivity, specificity)
    if share is None or specific is None or index is None:
        return None
    edge = 1 / (2 * (flagged.total + 1))
    return min(max((share + specific - 1) / index, edge), 1 - edge)


def relevance_probabilities(
    share: float | None, relevant: Sequence[int], others: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Estimate the probability that a text is relevant given what the judge said of it.

    By Bayes' rule, P(relevant | g) = p a(g) / (p a(g) + (1 - p) b(g)), where p is the
    prevalence, and a(g) and b(g) are the shares of relevant and other texts that the judge
    gave grade g. Half a text is added to every count (Jeffreys' prior), so that a grade never
    seen among the probes is no proof.

    Args:
        share: The prevalence p, above 0 and below 1; None if it is not known.
        relevant: For each grade, how many texts known to be relevant got it.
        others: The same for texts that are not relevant.

    Returns:
        One probability per grade; NaN where `share` is None.

    Example:
        >>> relevance_probabilities(0.2, [5, 95], [95, 5]).round(2).tolist()
        [0.01, 0.81]
    """
    if share is None:
        return np.full(len(relevant), np.nan)
    given_relevant = np.asarray(relevant, np.float64) + 0.5
    given_other = np.asarray(others, np.float64) + 0.5
    of_relevant = share * given_relevant / given_relevant.sum()
    of_other = (1 - share) * given_other / given_other.sum()
    found: npt.NDArray[np.float64] = of_relevant / (of_relevant + of_other)
    return found
