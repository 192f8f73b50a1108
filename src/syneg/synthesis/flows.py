"""How each prompt comes to its texts, as steps that depend on the answers alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Protocol

from syneg.synthesis.analysis import Analysis, read_analysis
from syneg.synthesis.calls import Call, Question, Steps, ask_until_read
from syneg.synthesis.drafts import Draft, read_drafts, texts_in
from syneg.synthesis.verification import verified
from syneg.synthesis.wording import TEXTS, Wording

# An analysis is longer than a text of the usual length.
_ANALYSIS_FACTOR = 2


class Flow(Protocol):
    """How a prompt comes to its texts."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that shapes its prompts."""
        ...  # pragma: no cover

    def most_requests(self, call: Call) -> int:
        """Return how many requests a call takes at most, second tries left out."""
        ...  # pragma: no cover

    def steps(self, call: Call) -> Steps[list[Draft]]:
        """Yield the requests of a call and return its texts."""
        ...  # pragma: no cover


def flow_for(wording: Wording) -> Flow:
    """Return the flow of the prompt that the options name."""
    return CausalFlow(wording) if wording.options.prompt == "causal" else WritingFlow(wording)


class WritingFlow:
    """One call writes; with reflection "verify", others judge and revise.

    Args:
        wording: The prompts.
    """

    def __init__(self, wording: Wording) -> None:
        self.wording = wording
        self.options = wording.options
        ablations = ("no-attributes", "plain")
        self.part = "syneg" if self.options.prompt in ablations else self.options.prompt

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that shapes the prompts of this flow."""
        return self.wording.fingerprint(*self._parts)

    def most_requests(self, call: Call) -> int:
        """Return how many requests a call takes at most, second tries left out."""
        judged = self.options.reflection == "verify"
        return 1 + (1 + 2 * self.options.verify_rounds if judged else 0)

    @property
    def _parts(self) -> tuple[str, ...]:
        judged = self.options.reflection == "verify"
        return (self.part, "verify", "revise") if judged else (self.part,)

    def steps(self, call: Call) -> Steps[list[Draft]]:
        """Yield the requests of a call and return its texts."""
        drafts = yield from self._write(call)
        if self.options.reflection == "verify":
            drafts = yield from verified(call, drafts, self.wording)
        return drafts

    def _write(self, call: Call, **shown: Any) -> Steps[list[Draft]]:
        options = self.options
        question = Question(
            step="write",
            messages=self.wording.messages(self.part, call, **shown),
            schema=self.wording.text_schema,
            temperature=options.temperature,
            max_tokens=options.max_tokens * options.texts_per_call,
            tries=options.tries,
        )
        read = partial(
            read_drafts,
            system=question.messages.system,
            count=options.texts_per_call,
            key=TEXTS,
            levels=tuple(options.levels) if options.prompt == "graded" else (),
        )
        replied = yield from ask_until_read(call, question, read, worth=texts_in)
        return [
            # Where documents have no title, one would tell that a text was written.
            replace(one, request=replied.request, title=one.title if call.positive.title else "")
            for one in replied.reading.value or []
        ]


class CausalFlow(WritingFlow):
    """An analysis of the query first, then a text that breaks one of its requirements.

    All samples of a query and positive share the analysis and break different requirements.
    """

    def most_requests(self, call: Call) -> int:
        """Return how many requests a call takes at most, second tries left out."""
        # The first sample's analysis is that of the others too.
        return super().most_requests(call) + (call.sample == 0)

    @property
    def _parts(self) -> tuple[str, ...]:
        return ("analysis", *super()._parts)

    def steps(self, call: Call) -> Steps[list[Draft]]:
        """Yield the requests of a call and return its text."""
        options = self.options
        # The candidate differs between samples: what they share must not know of it.
        question = Question(
            step="analyse",
            messages=self.wording.messages("analysis", replace(call, candidate=None)),
            schema=self.wording.analysis_schema,
            temperature=options.temperature,
            max_tokens=options.max_tokens * _ANALYSIS_FACTOR,
            tries=options.tries,
            shared=True,
        )
        replied = yield from ask_until_read(call, question, read_analysis)
        analysis = replied.reading.value
        if analysis is None:
            return [Draft(problem=replied.reading.problem, request=replied.request)]
        names = call.seed, call.query_id, call.positive_id
        place, way = analysis.to_break(call.sample, *names)
        shown = self._shown(analysis, place, way)
        drafts = yield from self._write(call, analysis=shown, candidate=self._candidate(call))
        drafts = [
            replace(
                one,
                requirement=analysis.requirements[place].text,
                rewritten_from=call.candidate.document_id if call.candidate else None,
            )
            for one in drafts
        ]
        if options.reflection == "verify":
            drafts = yield from verified(call, drafts, self.wording)
        return drafts

    def _shown(self, analysis: Analysis, place: int, way: str) -> dict[str, Any]:
        # Derived from texts of others, so it is theirs too.
        data = self.wording.data
        return {
            "core_need": data(analysis.core_need),
            "positive_answer": data(analysis.positive_answer),
            "answer_boundary": data(analysis.answer_boundary),
            "kept": [
                data(one.text) for other, one in enumerate(analysis.requirements) if other != place
            ],
            "broken": data(analysis.requirements[place].text),
            "way": data(way),
        }

    def _candidate(self, call: Call) -> dict[str, str] | None:
        if call.candidate is None:
            return None
        title, text = call.candidate.document
        return {"title": self.wording.data(title), "text": self.wording.data(text)}
