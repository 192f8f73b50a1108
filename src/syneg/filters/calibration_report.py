"""What a run's probes and reviews say of its judge, and what the judge may do therefore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from syneg.filters.calibration import (
    Rate,
    information,
    prevalence,
    relevance_probabilities,
)
from syneg.filters.calibration_agreement import Agreement
from syneg.filters.judge_answer import Outcome
from syneg.filters.judge_options import JudgeOptions
from syneg.negatives.verdict import Decision

MINED = "mined"
SYNTHETIC = "synthetic"

_READABLE = (Outcome.NO, Outcome.UNCERTAIN, Outcome.PARTLY, Outcome.ANSWERS)


@dataclass(frozen=True, slots=True)
class JudgedGroup:
    """How the judge graded texts of one sort.

    Attributes:
        name: What they have in common, for example "known positives".
        outcomes: How many got each outcome, in the order of `Outcome`.

    Example:
        >>> group = JudgedGroup("documents of middle rank", (0, 1, 95, 0, 3, 2))
        >>> str(group.share_below(Outcome.ANSWERS))
        '98.0% (93.0% to 99.4%, 98 of 100)'
    """

    name: str
    outcomes: tuple[int, ...]

    @property
    def readable(self) -> tuple[int, ...]:
        """The counts of the grades NO, UNCERTAIN, PARTLY and ANSWERS."""
        return self.outcomes[Outcome.NO :]

    def share_reaching(self, grade: Outcome) -> Rate:
        """Return the share that got `grade` or a better one, of those with a grade."""
        return Rate(sum(self.outcomes[grade:]), sum(self.readable))

    def share_below(self, grade: Outcome) -> Rate:
        """Return the share that got less than `grade`, of those with a grade."""
        return Rate(sum(self.outcomes[Outcome.NO : grade]), sum(self.readable))

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON takes them."""
        counts = zip(Outcome, self.outcomes, strict=True)
        return {"texts": self.name, **{one.label: count for one, count in counts}}


@dataclass(frozen=True)
class KindCalibration:
    """What the judge is worth on one kind of negative, mined or synthetic.

    A text counts as called relevant when its grade is "answers"; whether "partly" may count
    too is looked at apart. Evidence that does not stand in the text counts as not relevant.

    Attributes:
        kind: "mined" or "synthetic".
        relevant: Texts known to be relevant.
        others: Texts known or presumed not to be.
        candidates: The negatives of this kind that the judge was asked about.
        specificity_to_drop: Least lower end of the specificity's interval for dropping.
        specificity_to_relabel: The same for relabelling.
    """

    kind: str
    relevant: JudgedGroup
    others: JudgedGroup
    candidates: JudgedGroup
    specificity_to_drop: float
    specificity_to_relabel: float

    @property
    def sensitivity(self) -> Rate:
        """Share of relevant texts that are called relevant."""
        return self.relevant.share_reaching(Outcome.ANSWERS)

    @property
    def specificity(self) -> Rate:
        """Share of other texts that are not called relevant."""
        return self.others.share_below(Outcome.ANSWERS)

    @property
    def specificity_with_partly(self) -> Rate:
        """The specificity when "partly" counts as called relevant too."""
        return self.others.share_below(Outcome.PARTLY)

    @cached_property
    def prevalence(self) -> float | None:
        """Estimated share of relevant texts among the candidates; see `prevalence`."""
        flagged = self.candidates.share_reaching(Outcome.ANSWERS)
        return prevalence(flagged, self.sensitivity, self.specificity)

    @cached_property
    def probabilities(self) -> Mapping[Outcome, float | None]:
        """Estimated probability that a candidate is relevant, by its grade."""
        share = self.prevalence
        found = relevance_probabilities(share, self.relevant.readable, self.others.readable)
        values = [None if share is None else round(float(one), 6) for one in found]
        return dict(zip(_READABLE, values, strict=True))

    def decision(self, outcome: Outcome) -> Decision:
        """Return what follows for a negative that the judge graded so.

        Below the stated specificity nothing follows but a mark, nor does it from a judge who
        tells relevant texts from others hardly better than chance.
        """
        if outcome is Outcome.NO:
            return Decision.KEEP
        if information(self.sensitivity, self.specificity) is None:
            return Decision.MARK
        specificity = self.specificity.low
        if outcome is Outcome.ANSWERS and specificity >= self.specificity_to_relabel:
            return Decision.RELABEL
        if outcome is Outcome.ANSWERS and specificity >= self.specificity_to_drop:
            return Decision.DROP
        with_partly = self.specificity_with_partly.low
        if outcome is Outcome.PARTLY and with_partly >= self.specificity_to_drop:
            return Decision.DROP
        return Decision.MARK

    def sentence(self) -> str:
        """Return in one plain sentence what the judge may do to this kind, and why."""
        if not sum(self.others.outcomes):
            return (
                f"The judge only marks {self.kind} negatives: there were no {self.others.name} to "
                "measure its specificity on."
            )
        match self.decision(Outcome.ANSWERS):
            case Decision.RELABEL:
                does = f"relabels {self.kind} negatives that answer the query"
                because = f"not below {self.specificity_to_relabel:.0%} within its interval"
            case Decision.DROP:
                does = f"drops {self.kind} negatives that answer the query but relabels none"
                because = f"not below {self.specificity_to_drop:.0%} within its interval, but not "
                because += f"shown to reach {self.specificity_to_relabel:.0%}"
            case _ if self.specificity.low >= self.specificity_to_drop:
                does = f"only marks {self.kind} negatives"
                because = "but it hardly tells relevant texts from these"
            case _:
                does = f"only marks {self.kind} negatives"
                because = f"not shown to reach {self.specificity_to_drop:.0%}"
        partly = self.decision(Outcome.PARTLY) is Decision.DROP
        also = "; what answers in part is dropped" if partly else ""
        return (
            f"The judge {does}: its specificity on {self.others.name} is {self.specificity}, "
            f"{because}; its sensitivity on {self.relevant.name} is {self.sensitivity}{also}."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {
            "kind": self.kind,
            "candidates": self.candidates.as_dict(),
            "measured_on": {"relevant": self.relevant.name, "others": self.others.name},
            "sensitivity": self.sensitivity.as_dict(),
            "specificity": self.specificity.as_dict(),
            "specificity_with_partly": self.specificity_with_partly.as_dict(),
            "prevalence": None if self.prevalence is None else round(self.prevalence, 4),
            "probabilities": {one.label: value for one, value in self.probabilities.items()},
            "decisions": {one.label: self.decision(one).value for one in _READABLE},
            "sentence": self.sentence(),
        }


@dataclass(frozen=True)
class CalibrationReport:
    """How a run's judge was measured and what it may do.

    Attributes:
        model: Name of the language model.
        prompt: Fingerprint of the prompt.
        kinds: What it is worth on each kind of negative that was judged.
        groups: How it graded all texts of known or presumed relevance, easy ones too.
        reviewers: Its agreement with people on the negatives that they have reviewed.
    """

    model: str
    prompt: str
    kinds: tuple[KindCalibration, ...]
    groups: tuple[JudgedGroup, ...]
    reviewers: Agreement

    def sentences(self) -> list[str]:
        """Return what a reader of the summary must know, one sentence each."""
        said = [one.sentence() for one in self.kinds]
        for one in self.kinds:
            failed = one.candidates.outcomes[Outcome.UNREADABLE]
            missing = one.candidates.outcomes[Outcome.NOT_ASKED]
            if failed or missing:
                said.append(
                    f"Of {sum(one.candidates.outcomes)} {one.kind} texts {failed} got an answer "
                    f"that cannot be read and {missing} got none: they have no verdict."
                )
        agreement = self.reviewers
        if agreement.kappa is not None:
            said.append(
                f"Cohen's kappa between the judge and people is {agreement.kappa:.2f} "
                f"({agreement.low:.2f} to {agreement.high:.2f}, {agreement.total} reviews)."
            )
        return said

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON takes it, for the manifest and the page."""
        return {
            "model": self.model,
            "prompt": self.prompt,
            "kinds": [one.as_dict() for one in self.kinds],
            "groups": [one.as_dict() for one in self.groups],
            "reviewers": self.reviewers.as_dict(),
            "sentences": self.sentences(),
        }


def calibrate(
    kind: str,
    candidates: JudgedGroup,
    relevant: Sequence[JudgedGroup],
    others: Sequence[JudgedGroup],
    options: JudgeOptions,
) -> KindCalibration:
    """Weigh what the judge said of texts whose relevance is known.

    Args:
        kind: "mined" or "synthetic".
        candidates: The negatives of this kind.
        relevant: Texts known to be relevant: those that people reviewed, then the probes.
        others: Texts that are not, in the same order. The reviewed are taken where there are
            enough of them, else the probes.
        options: What is enough, and what specificity allows.
    """
    of_relevant, of_others = (
        reviewed if sum(reviewed.readable) >= options.fewest_reviews else probes
        for reviewed, probes in (relevant, others)
    )
    return KindCalibration(
        kind,
        of_relevant,
        of_others,
        candidates,
        options.specificity_to_drop,
        options.specificity_to_relabel,
    )
