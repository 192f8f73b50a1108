"""Where to put a threshold so that nearly no irrelevant text lies above it, with confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from syneg.filters.calibration import CONFIDENCE


def threshold_for(
    others: Sequence[float] | npt.NDArray[np.floating], specificity: float
) -> float | None:
    """Return the lowest score above which a text may be called relevant.

    Of n scores of texts that are not relevant, the share of all such texts at or below the
    k-th largest is at least Beta(n - k + 1, k) distributed, whatever the distribution of the
    scores (Wilks 1941). The largest k is taken for which this share is below `specificity`
    with a probability of at most 2.5%, as with the lower end of a 95% interval. Choosing and
    measuring are one step, so that no second set of texts is needed.

    Args:
        others: Scores of texts that are not relevant; higher is more relevant.
        specificity: Least share of such texts at or below the threshold, in (0, 1).

    Returns:
        The threshold: what scores more is called relevant. None where there are too few
        scores: 36 are the fewest for 0.9, and 122 for 0.97.

    Example:
        >>> threshold_for(range(200), 0.9)
        188.0
        >>> threshold_for(range(30), 0.9) is None
        True
    """
    scores = np.sort(np.asarray(others, np.float64))
    rank = _largest_rank(len(scores), specificity)
    return float(scores[-rank]) if rank else None


def _largest_rank(count: int, specificity: float) -> int:
    """Return the largest k with P(Binomial(count, 1 - specificity) <= k - 1) <= 2.5%; or 0."""
    most = (1 - CONFIDENCE) / 2
    logs = math.log1p(-specificity), math.log(specificity)
    total, rank = 0.0, 0
    while rank < count:
        ways = math.lgamma(count + 1) - math.lgamma(rank + 1) - math.lgamma(count - rank + 1)
        total += math.exp(ways + rank * logs[0] + (count - rank) * logs[1])
        if total > most:
            break
        rank += 1
    return rank
