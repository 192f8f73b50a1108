"""Counting what became of the requests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syneg.llm.protocol import ChatAnswer, FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSummary:
    """What became of a list of requests.

    Attributes:
        asked: How many different requests there were.
        answered_now: Those answered by this process.
        answered_before: Those that the journal held an answer to already.
        failed: Those that got no answer, by the kind of their last failure.
        not_reached: Those not asked, or not answered in time, because the budget ended.
        prompt_tokens: Tokens of the requests answered now, as far as the server said.
        completion_tokens: Tokens of the answers given now, as far as the server said.
        seconds: How long this process took.
        stopped_by_budget: Whether the time budget left requests without an answer.
    """

    asked: int
    answered_now: int
    answered_before: int
    failed: Mapping[FailureKind, int]
    not_reached: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    stopped_by_budget: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON takes it."""
        return {
            "asked": self.asked,
            "answered_now": self.answered_now,
            "answered_before": self.answered_before,
            "failed": {kind.value: count for kind, count in sorted(self.failed.items())},
            "not_reached": self.not_reached,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "seconds": round(self.seconds, 3),
            "stopped_by_budget": self.stopped_by_budget,
        }


class Tally:
    """Counts answers and failures while they come.

    Args:
        asked: How many different requests there are.
        answered_before: Those that have an answer already.
    """

    def __init__(self, asked: int, answered_before: int) -> None:
        self.asked = asked
        self.answered_before = answered_before
        self.answered_now = 0
        self.failed: Counter[FailureKind] = Counter()
        self._prompt_tokens = 0
        self._completion_tokens = 0
        self._started = time.monotonic()

    @property
    def finished(self) -> int:
        """Requests about which nothing more will be done: answered or failed."""
        return self.answered_before + self.answered_now + self.failed.total()

    def count_answer(self, answer: ChatAnswer) -> None:
        """Count one request as answered."""
        self.answered_now += 1
        self._prompt_tokens += answer.prompt_tokens or 0
        self._completion_tokens += answer.completion_tokens or 0

    def count_failure(self, kind: FailureKind) -> None:
        """Count one request as failed."""
        self.failed[kind] += 1

    def text(self) -> str:
        """Return the counts as the few words that stand beside a progress bar.

        Example:
            >>> Tally(asked=20, answered_before=5).text()
            '5 of 20 answered'
        """
        text = f"{self.answered_before + self.answered_now} of {self.asked} answered"
        if failed := self.failed.total():
            text += f", {failed} failed"
        return text

    def summary(self, *, budget_ended: bool) -> EngineSummary:
        """Return the counts for good.

        Args:
            budget_ended: Whether the time budget is spent.
        """
        not_reached = self.asked - self.finished
        return EngineSummary(
            asked=self.asked,
            answered_now=self.answered_now,
            answered_before=self.answered_before,
            failed=dict(self.failed),
            not_reached=not_reached,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            seconds=time.monotonic() - self._started,
            stopped_by_budget=budget_ended and not_reached > 0,
        )
