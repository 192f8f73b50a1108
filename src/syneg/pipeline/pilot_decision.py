"""What follows from a pilot's figures: which candidate the run goes on with, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from syneg.studies.statistics import ArmDifference, hierarchical_difference

HELD_BACK = "Synthetic negatives are held back: the run goes on with mined negatives only."


@dataclass(frozen=True)
class Scored:
    """A candidate and what its models reached.

    Attributes:
        name: The candidate's name.
        synthetic: Its synthetic negatives per instance.
        values: nDCG@10 of each model on each development query, shape (seeds, queries).
    """

    name: str
    synthetic: int
    values: npt.NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean over the seeds and queries."""
        return float(self.values.mean())


@dataclass(frozen=True)
class PilotDecision:
    """What the pilot chose.

    Attributes:
        choice: Name of the candidate that the run goes on with.
        held_back: Whether that one has no synthetic negatives.
        differences: Of every candidate with synthetic negatives, by name: how much better it
            is than the one without, over seeds and queries. Each interval speaks of its own
            candidate; of the best of several it is a little too hopeful.
        likelihood: How likely it is that the best candidate with synthetic negatives helps,
            corrected for being the best of several, in [0, 1].
        sentence: What was found, and what follows, in plain words.
    """

    choice: str
    held_back: bool
    differences: dict[str, ArmDifference]
    likelihood: float
    sentence: str


def decide(candidates: Sequence[Scored], *, certainty: float = 0.5, seed: int = 0) -> PilotDecision:
    """Choose the candidate with the highest mean, one with synthetic negatives only if sure.

    The pilot is small: where the interval of the difference includes zero, the sentence says
    that it cannot tell. How likely a gain must be all the same is for the caller to say.

    Args:
        candidates: Just one has no synthetic negatives; all have the same seeds and queries.
        certainty: Synthetic negatives are used when the probability that they help is at
            least this, in [0.5, 1). It is 1 - m·p/2 for a p-value of the bootstrap and m
            candidates with synthetic negatives (Bonferroni): of several the best may be so by
            luck. At 0.5 the mean decides.
        seed: Of the bootstrap.

    Example:
        >>> without = Scored("mined only", 0, np.full((2, 40), 0.5))
        >>> better = Scored("hybrid", 1, np.full((2, 40), 0.75))
        >>> decide([without, better]).choice
        'hybrid'
        >>> decide([better, Scored("mined only", 0, np.full((2, 40), 1.0))]).held_back
        True
    """
    reference = next(one for one in candidates if not one.synthetic)
    others = [one for one in candidates if one.synthetic]
    differences = {
        one.name: hierarchical_difference(reference.values, one.values, seed=seed) for one in others
    }
    best = max(others, key=lambda one: differences[one.name].difference)
    difference = differences[best.name]
    likelihood = _likelihood(difference, len(others))
    # At one half nothing is asked but a higher mean, as a p-value of 1 would give.
    enough = likelihood >= certainty or certainty == 0.5
    helps = difference.difference > 0 and enough
    return PilotDecision(
        choice=best.name if helps else reference.name,
        held_back=not helps,
        differences=differences,
        likelihood=likelihood,
        sentence=_sentence(reference.name, best.name, difference, helps, certainty),
    )


def _likelihood(difference: ArmDifference, candidates: int) -> float:
    tail = difference.p_value / 2
    return max(0.0, 1 - candidates * tail) if difference.difference > 0 else tail


def _sentence(reference: str, best: str, one: ArmDifference, helps: bool, certainty: float) -> str:
    figures = (
        f"on {one.queries} development queries the best mixture with them, “{best}”, reached "
        f"{100 * one.second:.2f} nDCG@10 and “{reference}” {100 * one.first:.2f} "
        f"({100 * one.difference:+.2f}, 95% interval {100 * one.low:+.2f} to {100 * one.high:+.2f}"
    )
    if one.low > 0 and helps:
        return f"Synthetic negatives help on this data: {figures}). “{best}” is used."
    if one.high < 0:
        return f"Synthetic negatives do harm on this data: {figures}). {HELD_BACK}"
    if one.low > 0:
        return (
            f"Synthetic negatives seem to help on this data: {figures}), but not as surely as "
            f"pilot.certainty asks ({certainty:.1%}). {HELD_BACK}"
        )
    unknown = (
        "The pilot cannot tell whether synthetic negatives help on this data: "
        f"{figures}, which includes 0)."
    )
    if helps:
        return f"{unknown} “{best}” is used: that it is better is likely enough."
    if one.difference > 0:
        return f"{unknown} A gain must be {certainty:.0%} likely to be worth its cost. {HELD_BACK}"
    return f"{unknown} No mean with them is above the one without. {HELD_BACK}"
