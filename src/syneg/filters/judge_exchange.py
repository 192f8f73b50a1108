"""Asking the judge about some texts of one query."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from syneg.filters.judge_answer import Opinion, read_opinions, settled
from syneg.filters.judge_prompt import JudgedText, JudgePrompt
from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.synthesis.attributes import draw_number

JUDGE = "judge"
"""Name of the filter, and of the task in the tags of its requests."""

CROSS_ENCODER = "cross-encoder"
"""Name of the filter that gives the second opinion."""

# Servers take the sampler's seed as a signed number of 32 bits.
_SAMPLER_SEEDS = 2**31


@dataclass(frozen=True)
class JudgeExchange:
    """One request about some texts of a query, repeated until the majority is settled.

    Attributes:
        prompt: What is sent.
        query_id: The query.
        query: Its text.
        documents: The texts, in the order shown.
        seed: Seed of the sampler.
    """

    prompt: JudgePrompt
    query_id: str
    query: str
    documents: tuple[JudgedText, ...]
    seed: int

    @cached_property
    def _first(self) -> ChatRequest:
        options = self.prompt.options
        return ChatRequest(
            system=self.prompt.system,
            user=self.prompt.render(self.query, self.documents),
            schema=self.prompt.schema(len(self.documents)),
            temperature=options.temperature,
            max_tokens=options.max_tokens * len(self.documents),
            tag=json.dumps({"task": JUDGE, "query_id": self.query_id}),
        )

    def request(self, sample: int) -> ChatRequest:
        """Return the request for an answer by its number, from 0."""
        # The same seed for all texts, so that the same text is asked about once.
        seed = draw_number(self.seed, JUDGE, sample) % _SAMPLER_SEEDS
        return replace(self._first, seed=seed, sample=sample)

    def next_request(self, answers: Sequence[ChatAnswer], /) -> ChatRequest | None:
        """Return the next request, or None when the majority is settled for every text."""
        remaining = self.prompt.options.samples - len(answers)
        if answers and all(settled(one, remaining) for one in self.opinions(answers)):
            return None
        return self.request(len(answers)) if remaining > 0 else None

    @property
    def requests_expected(self) -> int:
        """How many requests it takes when the answers agree."""
        return self.prompt.options.samples // 2 + 1

    def opinions(self, answers: Sequence[ChatAnswer]) -> list[list[Opinion]]:
        """Return for each text what each answer says of it."""
        read = [read_opinions(one, self.documents, self.prompt) for one in answers]
        return [list(one) for one in zip(*read, strict=True)] or [[] for _ in self.documents]
