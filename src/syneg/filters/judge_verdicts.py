"""From what the judge said of texts to verdicts on negatives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.filters.calibration_agreement import Agreement
from syneg.filters.calibration_report import (
    MINED,
    SYNTHETIC,
    CalibrationReport,
    JudgedGroup,
    calibrate,
)
from syneg.filters.judge_answer import Outcome
from syneg.filters.judge_exchange import JUDGE
from syneg.filters.judge_options import JudgeOptions
from syneg.filters.judge_plan import JudgePlan, Purpose
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision, now

Outcomes = npt.NDArray[np.int8]

_LONGEST_SHOWN = 200
_REASONS = {
    Outcome.NO: None,
    Outcome.UNCERTAIN: "the evidence named is not in the text",
    Outcome.PARTLY: "answers in part",
    Outcome.ANSWERS: "answers the query",
}


def judgement_report(
    plan: JudgePlan, outcomes: Outcomes, options: JudgeOptions, *, model: str, prompt: str
) -> CalibrationReport:
    """Count how the judge graded the probes and reviews, and weigh it.

    Args:
        plan: The texts.
        outcomes: What became of each.
        options: What is enough, and what specificity allows.
        model: Name of the language model.
        prompt: Fingerprint of the prompt.
    """
    first, last = options.probe_ranks
    known = _group(plan, outcomes, "known positives", Purpose.KNOWN_POSITIVE)
    middle = _group(plan, outcomes, f"documents of ranks {first} to {last}", Purpose.MIDDLE_RANK)
    chance = _group(plan, outcomes, "documents drawn by chance", Purpose.RANDOM)
    groups, kinds = [known, middle, chance], []
    for kind, synthetic in ((MINED, False), (SYNTHETIC, True)):
        relevant, others, candidates = (
            _group(plan, outcomes, name, purpose, synthetic=synthetic)
            for name, purpose in (
                (f"{kind} negatives that people relabelled", Purpose.REVIEWED_RELEVANT),
                (f"{kind} negatives that people kept", Purpose.REVIEWED_OTHER),
                (f"{kind} negatives", Purpose.CANDIDATE),
            )
        )
        groups += [relevant, others]
        if sum(candidates.outcomes):
            kinds.append(calibrate(kind, candidates, (relevant, known), (others, middle), options))
    return CalibrationReport(
        model, prompt, tuple(kinds), tuple(groups), _with_people(plan, outcomes)
    )


def judgement_verdicts(
    plan: JudgePlan,
    outcomes: Outcomes,
    evidence: pa.Array,
    report: CalibrationReport,
    fingerprint: str,
) -> pa.Table:
    """Return a verdict for every negative whose text has a grade.

    Args:
        plan: The texts and the negatives that they are.
        outcomes: What became of each text.
        evidence: The passage quoted for each text, or null.
        report: What the judge may do.
        fingerprint: Of the judge.
    """
    reasons = np.flatnonzero(plan.negative >= 0)
    rows, first = np.unique(plan.negative[reasons], return_index=True)
    units = plan.unit[reasons][first]
    graded = outcomes[units] >= Outcome.NO
    rows, units = rows[graded], units[graded]
    outcome, synthetic = outcomes[units], plan.synthetic[units]
    decision = np.full(len(units), Decision.KEEP.value, dtype=object)
    # A kind without candidates, of which only reviewed negatives were judged, is marked.
    decision[outcome > Outcome.NO] = Decision.MARK.value
    score = np.full(len(units), np.nan)
    for kind in report.kinds:
        for grade, probability in kind.probabilities.items():
            chosen = (synthetic == (kind.kind == SYNTHETIC)) & (outcome == grade)
            decision[chosen] = kind.decision(grade).value
            score[chosen] = np.nan if probability is None else probability
    quotes = evidence.take(pa.array(units, pa.int64())).to_pylist()
    count = len(units)
    columns = {
        "negative_id": plan.negatives["negative_id"].take(pa.array(rows, pa.int64())),
        "filter": pa.repeat(JUDGE, count),
        "fingerprint": pa.repeat(fingerprint, count),
        "decision": pa.array(decision, pa.string()),
        "score": pa.array(score, pa.float64(), mask=np.isnan(score)),
        "reason": pa.array(
            [_reason(Outcome(one), quote) for one, quote in zip(outcome, quotes, strict=True)],
            pa.string(),
        ),
        "reviewer": pa.nulls(count, pa.string()),
        "time": pa.repeat(pa.scalar(now(), VERDICT_SCHEMA.field("time").type), count),
    }
    return pa.table(columns, schema=VERDICT_SCHEMA)


def _reason(outcome: Outcome, quote: str | None) -> str | None:
    reason = _REASONS[outcome]
    if reason is None or not quote:
        return reason
    return f"{reason}: “{quote if len(quote) <= _LONGEST_SHOWN else quote[:_LONGEST_SHOWN] + '…'}”"


def _group(
    plan: JudgePlan, outcomes: Outcomes, name: str, purpose: Purpose, *, synthetic: bool = False
) -> JudgedGroup:
    units = plan.units_for(purpose, synthetic=synthetic)
    if purpose in (Purpose.MIDDLE_RANK, Purpose.RANDOM):
        # Presumed not relevant, but a person knows better.
        relevant = plan.units_for(Purpose.REVIEWED_RELEVANT, synthetic=synthetic)
        units = np.setdiff1d(units, relevant)
    counts = np.bincount(outcomes[units], minlength=len(Outcome))
    return JudgedGroup(name, tuple(int(one) for one in counts))


def _with_people(plan: JudgePlan, outcomes: Outcomes) -> Agreement:
    counts = []
    for purpose in (Purpose.REVIEWED_RELEVANT, Purpose.REVIEWED_OTHER):
        units = np.unique(plan.unit[plan.purpose == purpose])
        grades = outcomes[units]
        counts.append(int((grades == Outcome.ANSWERS).sum()))
        counts.append(int(((grades >= Outcome.NO) & (grades < Outcome.ANSWERS)).sum()))
    return Agreement(counts[0], counts[2], counts[1], counts[3])
