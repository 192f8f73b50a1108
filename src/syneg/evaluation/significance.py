"""Whether one model is really better than another on the same queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_DRAWS = 10_000
_AT_ONCE = 1_000


@dataclass(frozen=True)
class PairedComparison:
    """Two models measured on the same queries.

    Attributes:
        queries: How many queries.
        before: Mean of the first model.
        after: Mean of the second.
        difference: after - before.
        low: Lower end of the 95% bootstrap interval of the difference.
        high: Upper end of it.
        p_value: Two-sided, of the paired randomization test.
        wins: Queries on which the second model is better.
        losses: Queries on which it is worse.
        resolvable: About the smallest true difference that this many queries of this
            spread would show at 5% in four of five samples; None below two queries.
    """

    queries: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    p_value: float
    wins: int
    losses: int
    resolvable: float | None


def compare_paired(
    before: npt.NDArray[np.float64], after: npt.NDArray[np.float64], *, seed: int = 0
) -> PairedComparison:
    """Compare two models by their per-query values.

    The randomization test flips the sign of each query's difference at random (Smucker,
    Allan, Carterette 2007); the interval is the percentile bootstrap over queries. Both take
    10,000 draws.

    Args:
        before: One value per query of the first model.
        after: The same queries under the second model.
        seed: Of the generator of both.

    Raises:
        ValueError: The two differ in length.

    Example:
        >>> result = compare_paired(np.full(50, 0.25), np.full(50, 0.75))
        >>> result.difference, result.wins, result.p_value < 0.001
        (0.5, 50, True)
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} queries before, {len(after)} after")
    difference = np.asarray(after, float) - np.asarray(before, float)
    count = len(difference)
    if count == 0:
        return PairedComparison(0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0, 0, None)
    generator = np.random.default_rng(seed)
    observed = float(difference.mean())
    as_extreme = 0
    means = np.empty(_DRAWS)
    for start in range(0, _DRAWS, _AT_ONCE):
        signs = generator.choice((-1.0, 1.0), size=(_AT_ONCE, count))
        # The tolerance keeps ties, which are common, from being lost to rounding.
        flipped = np.abs(signs @ difference) / count
        as_extreme += int((flipped >= abs(observed) - 1e-12).sum())
        drawn = generator.integers(0, count, size=(_AT_ONCE, count))
        means[start : start + _AT_ONCE] = difference[drawn].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    spread = float(difference.std(ddof=1)) if count > 1 else None
    return PairedComparison(
        queries=count,
        before=float(np.mean(before)),
        after=float(np.mean(after)),
        difference=observed,
        low=float(low),
        high=float(high),
        p_value=(as_extreme + 1) / (_DRAWS + 1),
        wins=int((difference > 0).sum()),
        losses=int((difference < 0).sum()),
        # 1.96 + 0.84: the normal quantiles of a 5% two-sided test with 80% power.
        resolvable=None if spread is None else 2.80 * spread / count**0.5,
    )
