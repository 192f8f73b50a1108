"""Counting what became of the work."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syneg.llm.journal_rows import FailedBefore, Failures
from syneg.llm.prices import Spent, believable
from syneg.llm.protocol import ChatAnswer, FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSummary:
    """What became of some work.

    An item is a request, or an exchange of several requests, which is answered when its last
    request is. A request that is given twice is one item.

    Attributes:
        asked: How many items there were.
        answered_now: Those that this process finished.
        answered_before: Those whose answers the journal held already.
        failed: Those that failed now, by the kind of their last failure, with an example.
        failed_before: Those that failed in an earlier process in a way that asking again does
            not mend, and were not asked again; likewise.
        not_reached: Those not asked, or not answered in time, because a limit was reached; as
            far as it was known how many there are.
        requests: How many requests this process got an answer to.
        prompt_tokens: Tokens of the requests that the server replied to now, as far as it said;
            with those whose reply was no answer (empty, or a refusal), which cost as much.
        completion_tokens: Tokens of these replies, as far as the server said.
        cost: Their price in US dollars; None where no prices were given.
        seconds: How long this process took.
        stopped_by: The limit that left work undone: "seconds", "cost" or "tokens"; None if
            none did.
    """

    asked: int
    answered_now: int
    answered_before: int
    failed: Mapping[FailureKind, Failures]
    failed_before: Mapping[FailureKind, Failures]
    not_reached: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float
    stopped_by: str | None

    @property
    def stopped_by_budget(self) -> bool:
        """Whether a limit left work undone."""
        return self.stopped_by is not None

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON takes it."""
        return {
            "asked": self.asked,
            "answered_now": self.answered_now,
            "answered_before": self.answered_before,
            "failed": _counts(self.failed),
            "failed_before": _counts(self.failed_before),
            "failure_examples": _examples(self.failed_before) | _examples(self.failed),
            "not_reached": self.not_reached,
            "requests_answered": self.requests,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost": None if self.cost is None else round(self.cost, 6),
            "seconds": round(self.seconds, 3),
            "stopped_by": self.stopped_by,
            "stopped_by_budget": self.stopped_by_budget,
        }


class Tally:
    """Counts answers and failures while they come.

    Args:
        total: How many items there will be; None if nobody knows.
    """

    def __init__(self, total: int | None = None) -> None:
        self.total = total
        self.answered_before = 0
        self.answered_now = 0
        self.failed: dict[FailureKind, Failures] = {}
        self.failed_before: dict[FailureKind, Failures] = {}
        self._read = 0
        self._duplicates = 0
        self._requests = 0
        self._prompt_tokens = 0
        self._completion_tokens = 0
        self._cost = 0.0
        self._started = time.monotonic()

    @property
    def asked(self) -> int:
        """Different items, as far as is known: those read and those that are still to come."""
        return max(self._read, self.total or 0) - self._duplicates

    @property
    def finished(self) -> int:
        """Items about which nothing more will be done: answered or failed."""
        return self.answered + _count(self.failed) + _count(self.failed_before)

    @property
    def answered(self) -> int:
        """Items that are answered, now or before."""
        return self.answered_before + self.answered_now

    def count_read(self, number: int) -> None:
        """Count items as read."""
        self._read += number

    def count_duplicate(self) -> None:
        """Count an item that was read as one that is there already."""
        self._duplicates += 1

    def count_answered_before(self, number: int = 1) -> None:
        """Count items whose answers were there already."""
        self.answered_before += number

    def count_failed_before(self, failure: FailedBefore) -> None:
        """Count one item as failed in an earlier process."""
        _add(self.failed_before, failure.kind, failure.detail)

    def count_answer(self, answer: ChatAnswer, spent: Spent, *, is_usable: bool = True) -> None:
        """Count what came to one request, and the request as answered.

        Args:
            answer: What came.
            spent: What it took.
            is_usable: Whether it is an answer; otherwise only what it took is counted.
        """
        self._requests += is_usable
        self._prompt_tokens += believable(answer.prompt_tokens) or 0
        self._completion_tokens += believable(answer.completion_tokens) or 0
        self._cost += spent.cost

    def count_done(self, *, before: bool = False) -> None:
        """Count one item as answered.

        Args:
            before: Whether all its answers came from others.
        """
        if before:
            self.answered_before += 1
        else:
            self.answered_now += 1

    def count_failure(self, kind: FailureKind, detail: str) -> None:
        """Count one item as failed."""
        _add(self.failed, kind, detail)

    def text(self) -> str:
        """Return the counts as the few words that stand beside a progress bar.

        Example:
            >>> tally = Tally(total=20)
            >>> tally.count_answered_before(5)
            >>> tally.text()
            '5 of 20 answered'
        """
        text = f"{self.answered} of {self.asked} answered" if self.asked else "0 answered"
        if self.total is None:
            text = f"{self.answered} answered"
        if failed := _count(self.failed):
            text += f", {failed} failed"
        if failed := _count(self.failed_before):
            text += f", {failed} failed before"
        return text

    def read_to_the_end(self) -> None:
        """Note that no more items will come, whatever was said of their number."""
        self.total = self._read

    def summary(self, *, stopped_by: str | None, has_prices: bool) -> EngineSummary:
        """Return the counts for good.

        Args:
            stopped_by: The limit that was reached, if one was.
            has_prices: Whether costs are known.
        """
        return EngineSummary(
            asked=self.asked,
            answered_now=self.answered_now,
            answered_before=self.answered_before,
            failed=dict(self.failed),
            failed_before=dict(self.failed_before),
            not_reached=self.asked - self.finished,
            requests=self._requests,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            cost=self._cost if has_prices else None,
            seconds=time.monotonic() - self._started,
            stopped_by=stopped_by,
        )


def _add(failed: dict[FailureKind, Failures], kind: FailureKind, detail: str) -> None:
    failed[kind] = failed.get(kind, Failures(0, "")).and_one_more(detail)


def _count(failed: Mapping[FailureKind, Failures]) -> int:
    return sum(one.count for one in failed.values())


def _counts(failed: Mapping[FailureKind, Failures]) -> dict[str, int]:
    return {kind.value: one.count for kind, one in sorted(failed.items())}


def _examples(failed: Mapping[FailureKind, Failures]) -> dict[str, str]:
    return {kind.value: one.example for kind, one in sorted(failed.items())}
