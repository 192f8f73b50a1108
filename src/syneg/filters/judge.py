"""The judge of false negatives: a language model that looks for the evidence in each text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.files import value_hash
from syneg.filters.calibration_report import CalibrationReport
from syneg.filters.judge_answer import Outcome, majority
from syneg.filters.judge_exchange import CROSS_ENCODER, JUDGE, JudgeExchange
from syneg.filters.judge_options import JudgeOptions
from syneg.filters.judge_plan import Integers, JudgePlan, make_plan
from syneg.filters.judge_prompt import JudgePrompt
from syneg.filters.judge_reasons import reasons_to_judge
from syneg.filters.judge_verdicts import judgement_report, judgement_verdicts
from syneg.llm.exchange import AnswerStore, Exchange, replay
from syneg.llm.protocol import ChatRequest

__all__ = ["JUDGE", "Judge", "JudgeExchange", "Judgements"]

_VERSION = 1


@dataclass(frozen=True)
class Judgements:
    """What became of every text of a plan.

    Attributes:
        plan: The texts.
        outcomes: The `Outcome` of each.
        evidence: The passage quoted for each; null where none was.
    """

    plan: JudgePlan
    outcomes: npt.NDArray[np.int8]
    evidence: pa.Array


class Judge:
    """Finds false negatives, and measures itself while it does.

    A language model is asked of every text whether the evidence that the query asks for
    stands in it. Texts whose relevance is known are judged among the others with the same
    words; from them follows what the judge may do: relabel a negative as a positive for
    training, drop it, or only mark it. Whatever the order of the pool, the same texts are
    asked about in the same words; a text that is a negative several times is judged once.

    Args:
        dataset: Queries, judgements and corpus.
        split: The split that is trained on. Negatives of other queries are passed over, and
            no judgement of another split is looked at.
        relevance: When a document is relevant to a query, as profiles say it.
        options: What is judged and how.
        middle_ranks: Retrieved documents, columns of `NEGATIVE_SCHEMA`, of which those within
            `options.probe_ranks` are presumed not relevant; None looks for them in the pool.
            See `syneg.filters.judge_probes.probe_dataset` for a cheap way to mine them.
        seed: Seed of the run, used where `options.seed` is None.

    Raises:
        InputError: There is no such split, or `relevance` is empty.

    Example:
        >>> from syneg.negatives.record import Negative, to_table
        >>> from syneg.negatives.verdict import VERDICT_SCHEMA
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("p", "", "Air scatters blue light.")],
        ...     queries=[("q", "why is the sky blue")], qrels={"train": [("q", "p", 1)]})
        >>> pool = to_table([Negative(negative_id="a", query_id="q", positive_id="p",
        ...                           source="llm", text="Fog is grey.")])
        >>> judge = Judge(data, "train", "the document answers the question.")
        >>> asked = judge.exchanges(pool, VERDICT_SCHEMA.empty_table())
        >>> sorted(request.user.splitlines()[4] for request in asked)
        ['Air scatters blue light.', 'Fog is grey.']
    """

    def __init__(
        self,
        dataset: RetrievalDataset,
        split: str,
        relevance: str,
        options: JudgeOptions | None = None,
        *,
        middle_ranks: pa.Table | None = None,
        seed: int = 0,
    ) -> None:
        self.dataset = dataset
        self.split = split
        self.options = options or JudgeOptions()
        self.prompt = JudgePrompt(relevance, self.options)
        self.middle_ranks = middle_ranks
        self.seed = seed if self.options.seed is None else self.options.seed
        dataset.judgements(split)

    def fingerprint(self, model_name: str) -> str:
        """Return the hash of all that shapes a verdict: model, prompt and thresholds."""
        shaping = self.options.model_dump(exclude={"enabled", "mined_per_query", "max_tokens"})
        return value_hash([JUDGE, _VERSION, model_name, self.prompt.fingerprint, shaping])

    def plan(self, negatives: pa.Table, verdicts: pa.Table) -> JudgePlan:
        """Return what is judged: candidates that stand, probes, and what people reviewed.

        Args:
            negatives: The pool, columns of `NEGATIVE_SCHEMA`.
            verdicts: Columns of `VERDICT_SCHEMA`. Those of the judge and of the second opinion
                are passed over, so that a run that is repeated judges the same texts.
        """
        own = pc.is_in(verdicts["filter"], value_set=pa.array([JUDGE, CROSS_ENCODER]))
        by_others = verdicts.filter(pc.invert(pc.and_(own, pc.is_null(verdicts["reviewer"]))))
        reasons = reasons_to_judge(
            negatives,
            by_others,
            self.dataset,
            self.split,
            self.options,
            middle_ranks=negatives if self.middle_ranks is None else self.middle_ranks,
            seed=self.seed,
        )
        return make_plan(
            reasons,
            self.dataset,
            negatives,
            mined_per_query=self.options.mined_per_query,
            seed=self.seed,
        )

    def exchanges(
        self, negatives: pa.Table, verdicts: pa.Table
    ) -> Iterator[ChatRequest | Exchange]:
        """Yield what is to be asked, query by query in an order drawn from the seed.

        With one sample these are plain requests, else exchanges. Arguments as for `plan`.
        """
        for _, exchange in self._calls(self.plan(negatives, verdicts)):
            yield exchange.request(0) if self.options.samples == 1 else exchange

    def judgements(self, plan: JudgePlan, journal: AnswerStore, model_name: str) -> Judgements:
        """Return what the stored answers say of every text of a plan."""
        outcomes = np.full(len(plan), Outcome.NOT_ASKED, np.int8)
        evidence: dict[int, str] = {}
        for units, exchange in self._calls(plan):
            answers = replay(exchange, journal, model_name).answers
            for unit, opinions in zip(units, exchange.opinions(answers), strict=True):
                outcome, quote = majority(opinions)
                outcomes[unit] = outcome
                if quote and outcome is not Outcome.NO:
                    evidence[int(unit)] = quote
        return Judgements(plan, outcomes, _sparse(evidence, len(plan)))

    def verdicts(
        self, negatives: pa.Table, verdicts: pa.Table, journal: AnswerStore, model_name: str
    ) -> tuple[pa.Table, CalibrationReport]:
        """Return a verdict on every negative that was judged, and how the judge was measured.

        A text whose answer is missing or cannot be read gets no verdict and is counted. The
        score is the estimated probability that the text is relevant; see
        `syneg.filters.calibration.relevance_probabilities`.

        Args:
            negatives: As for `exchanges`.
            verdicts: As for `exchanges`.
            journal: The stored answers.
            model_name: Name of the model that was asked.

        Returns:
            Rows with `VERDICT_SCHEMA` and filter "judge", and the report.
        """
        plan = self.plan(negatives, verdicts)
        found = self.judgements(plan, journal, model_name)
        report = judgement_report(
            plan, found.outcomes, self.options, model=model_name, prompt=self.prompt.fingerprint
        )
        fingerprint = self.fingerprint(model_name)
        return judgement_verdicts(plan, found.outcomes, found.evidence, report, fingerprint), report

    def _calls(self, plan: JudgePlan) -> Iterator[tuple[Integers, JudgeExchange]]:
        for group in plan.groups():
            calls = -(-len(group.units) // self.options.documents_per_call)
            for places in np.array_split(np.arange(len(group.units)), calls):
                documents = tuple(group.documents[place] for place in places)
                yield (
                    group.units[places],
                    JudgeExchange(self.prompt, group.query_id, group.query, documents, self.seed),
                )


def _sparse(values: dict[int, str], length: int) -> pa.Array:
    texts: Iterable[str | None] = (values.get(place) for place in range(length))
    return pa.array(texts, pa.large_string(), size=length)
