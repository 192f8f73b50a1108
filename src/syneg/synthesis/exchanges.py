"""The work of one call for texts, as the asking engine runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.synthesis.calls import Advanced, Call, advance
from syneg.synthesis.drafts import Draft
from syneg.synthesis.flows import Flow


@dataclass(frozen=True, slots=True)
class WritingExchange:
    """The work of one call for texts: a pure function of the answers.

    Attributes:
        call: What it is about.
        flow: How the prompt comes to its texts.
    """

    call: Call
    flow: Flow

    @property
    def requests_expected(self) -> int:
        """Most requests that it takes, second tries left out."""
        return self.flow.most_requests(self.call)

    def next_request(self, answers: Sequence[ChatAnswer], /) -> ChatRequest | None:
        """Return what to ask next, or None when the work is done."""
        pending = self.advanced(answers).pending
        return None if pending is None else pending.request

    def advanced(self, answers: Sequence[ChatAnswer]) -> Advanced[list[Draft]]:
        """Return how far the answers bring the work, and its texts once it is done."""
        return advance(self.flow.steps(self.call), answers)
