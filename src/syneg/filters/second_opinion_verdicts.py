"""What a cross-encoder's scores say of negatives, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.filters.calibration import Rate
from syneg.filters.calibration_agreement import Agreement
from syneg.filters.calibration_report import MINED, SYNTHETIC
from syneg.filters.calibration_threshold import threshold_for
from syneg.filters.judge_answer import Outcome
from syneg.filters.judge_exchange import CROSS_ENCODER
from syneg.filters.judge_options import JudgeOptions
from syneg.filters.judge_plan import Integers, JudgePlan, Purpose
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision, now

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class KindOpinion:
    """What a cross-encoder is worth on one kind of negative.

    Attributes:
        kind: "mined" or "synthetic".
        measured_on: The texts that are not relevant, in words, and how many.
        threshold: What scores more is called relevant; None where there were too few texts.
        specificity: What the threshold's specificity is at least, with 97.5% confidence.
        sensitivity: Share of relevant texts above the threshold.
        flagged: Share of the negatives above the threshold.
        agreement: With the judge, on the negatives that both graded.
    """

    kind: str
    measured_on: str
    threshold: float | None
    specificity: float
    sensitivity: Rate
    flagged: Rate
    agreement: Agreement

    def sentence(self) -> str:
        """Return in one plain sentence what the second opinion is worth."""
        if self.threshold is None:
            return (
                f"The cross-encoder has no threshold for {self.kind} negatives: {self.measured_on}"
                f" are too few to show a specificity of {self.specificity:.0%}."
            )
        text = (
            f"The cross-encoder calls {self.flagged} of the {self.kind} negatives relevant, with a "
            f"specificity of at least {self.specificity:.0%} on {self.measured_on} and a "
            f"sensitivity of {self.sensitivity}"
        )
        agreement = self.agreement
        if agreement.kappa is None:
            return f"{text}."
        return (
            f"{text}; Cohen's kappa with the judge is {agreement.kappa:.2f} "
            f"({agreement.low:.2f} to {agreement.high:.2f})."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {
            "kind": self.kind,
            "measured_on": self.measured_on,
            "threshold": self.threshold,
            "specificity_at_least": None if self.threshold is None else self.specificity,
            "sensitivity": self.sensitivity.as_dict(),
            "flagged": self.flagged.as_dict(),
            "agreement": self.agreement.as_dict(),
            "sentence": self.sentence(),
        }


def weigh_opinion(
    plan: JudgePlan,
    scores: Scores,
    outcomes: npt.NDArray[np.int8],
    options: JudgeOptions,
    *,
    synthetic: bool,
) -> KindOpinion:
    """Put the threshold where the texts that are not relevant allow it, and measure the rest.

    Args:
        plan: The texts.
        scores: The cross-encoder's score of each.
        outcomes: What the judge said of each.
        options: The specificity, and what number of reviews is enough.
        synthetic: Which kind of negative is looked at.
    """

    def enough(reviewed: Purpose, probes: Purpose) -> tuple[Integers, bool]:
        units = plan.units_for(reviewed, synthetic=synthetic)
        if len(units) >= options.fewest_reviews:
            return units, True
        relevant = np.unique(plan.unit[plan.purpose == Purpose.REVIEWED_RELEVANT])
        found = plan.units_for(probes, synthetic=False)
        return (np.setdiff1d(found, relevant) if probes is Purpose.MIDDLE_RANK else found), False

    relevant, _ = enough(Purpose.REVIEWED_RELEVANT, Purpose.KNOWN_POSITIVE)
    others, by_people = enough(Purpose.REVIEWED_OTHER, Purpose.MIDDLE_RANK)
    candidates = plan.units_for(Purpose.CANDIDATE, synthetic=synthetic)
    threshold = threshold_for(scores[others], options.specificity_to_drop)
    flagged = scores > (np.inf if threshold is None else threshold)
    kind = SYNTHETIC if synthetic else MINED
    first, last = options.probe_ranks
    name = f"{kind} negatives that people kept" if by_people else f"documents of ranks {first} "
    name += "" if by_people else f"to {last}"
    graded = candidates[outcomes[candidates] >= Outcome.NO]
    return KindOpinion(
        kind,
        f"{len(others)} {name}",
        threshold,
        options.specificity_to_drop,
        Rate(int(flagged[relevant].sum()), len(relevant)),
        Rate(int(flagged[candidates].sum()), len(candidates)),
        Agreement.between(outcomes[graded] == Outcome.ANSWERS, flagged[graded]),
    )


def opinion_verdicts(
    plan: JudgePlan,
    scores: Scores,
    kinds: Sequence[KindOpinion],
    decision: Decision,
    fingerprint: str,
) -> pa.Table:
    """Return a verdict for every negative of a plan.

    Args:
        plan: The texts and the negatives that they are.
        scores: The cross-encoder's score of each text.
        kinds: The threshold for each kind of negative.
        decision: What follows above it.
        fingerprint: Of the model and the settings.
    """
    rows, first = np.unique(plan.negative[plan.negative >= 0], return_index=True)
    units = plan.unit[plan.negative >= 0][first]
    count = len(units)
    decisions = np.full(count, Decision.MARK.value, dtype=object)
    reasons = np.full(count, "there is no threshold for want of probes", dtype=object)
    for kind in kinds:
        if kind.threshold is None:
            continue
        of_kind = plan.synthetic[units] == (kind.kind == SYNTHETIC)
        above = of_kind & (scores[units] > kind.threshold)
        decisions[of_kind], reasons[of_kind] = Decision.KEEP.value, None
        decisions[above] = decision.value
        reasons[above] = f"scores above {kind.threshold:.3f}, the threshold for relevant texts"
    columns = {
        "negative_id": plan.negatives["negative_id"].take(pa.array(rows, pa.int64())),
        "filter": pa.repeat(CROSS_ENCODER, count),
        "fingerprint": pa.repeat(fingerprint, count),
        "decision": pa.array(decisions, pa.string()),
        "score": pa.array(scores[units], pa.float64()),
        "reason": pa.array(reasons, pa.string()),
        "reviewer": pa.nulls(count, pa.string()),
        "time": pa.repeat(pa.scalar(now(), VERDICT_SCHEMA.field("time").type), count),
    }
    return pa.table(columns, schema=VERDICT_SCHEMA)
