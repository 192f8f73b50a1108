"""Counting what of some work is still to be asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from syneg.llm.exchange import Exchange, SaysHowMany, SingleRequest, replay
from syneg.llm.journal import Journal
from syneg.llm.prices import prompt_characters
from syneg.llm.protocol import ChatRequest
from syneg.llm.seen import SeenKeys
from syneg.llm.work_line import Work

_AT_ONCE = 500
# System messages that are counted apart; where all differ, nothing is known of any.
_MOST_GROUPS = 100


@dataclass(slots=True)
class PromptCounts:
    """Requests that share a system message.

    Attributes:
        system: The message; None for those that share theirs with few.
        requests: How many there are.
        characters: Characters of their messages.
        max_tokens: Sum of the most tokens that their answers may have.
    """

    system: str | None
    requests: int = 0
    characters: int = 0
    max_tokens: int = 0


@dataclass(slots=True)
class Counts:
    """What was found out about some work.

    Attributes:
        read: Items that were read.
        items: Those that differ from one another.
        answered: Those with all their answers.
        failed: Those that failed for good before.
        following: Requests expected after the next ones.
        unknown_exchanges: Exchanges that do not say how many requests they take.
        groups: The requests to ask, by system message.
    """

    read: int = 0
    items: int = 0
    answered: int = 0
    failed: int = 0
    following: int = 0
    unknown_exchanges: int = 0
    groups: dict[str | None, PromptCounts] = field(default_factory=dict)

    def add(self, request: ChatRequest, following: int) -> None:
        """Count a request to ask, and those after it as like it."""
        system: str | None = request.system
        if system not in self.groups and len(self.groups) >= _MOST_GROUPS:
            system = None
        group = self.groups.setdefault(system, PromptCounts(system))
        number = 1 + following
        group.requests += number
        group.characters += number * prompt_characters(request)
        group.max_tokens += number * request.max_tokens
        self.following += following


@dataclass(frozen=True, slots=True)
class _Pending:
    request: ChatRequest
    key: str
    following: int = 0


def count_work(
    work: Iterable[Work], model_name: str, journal: Journal, retry_failed: bool
) -> Counts:
    """Look all work up in the journal.

    Args:
        work: Requests and exchanges.
        model_name: Whose answers count.
        journal: The answers.
        retry_failed: Whether what failed for good before is to be asked again.

    Returns:
        What is done and what is not.
    """
    counts, seen = Counts(), SeenKeys()
    remaining = (one.request if isinstance(one, SingleRequest) else one for one in work)
    while chunk := list(islice(remaining, _AT_ONCE)):
        counts.read += len(chunk)
        pending = _pending_requests(
            [one for one in chunk if isinstance(one, ChatRequest)],
            model_name,
            journal,
            counts,
            seen,
        )
        for one in chunk:
            if not isinstance(one, ChatRequest):
                pending.extend(_pending_exchange(one, model_name, journal, counts))
        failed = {} if retry_failed else journal.failed_for_good(one.key for one in pending)
        counts.failed += sum(one.key in failed for one in pending)
        for waiting in pending:
            if waiting.key not in failed:
                counts.add(waiting.request, waiting.following)
    return counts


def _pending_requests(
    requests: list[ChatRequest],
    model_name: str,
    journal: Journal,
    counts: Counts,
    seen: SeenKeys,
) -> list[_Pending]:
    keys = [one.key(model_name) for one in requests]
    new = seen.add(keys)
    answered = journal.answered(keys)
    counts.items += sum(new)
    counts.answered += sum(
        is_new and key in answered for key, is_new in zip(keys, new, strict=True)
    )
    return [
        _Pending(request, key)
        for request, key, is_new in zip(requests, keys, new, strict=True)
        if is_new and key not in answered
    ]


def _pending_exchange(
    exchange: Exchange, model_name: str, journal: Journal, counts: Counts
) -> list[_Pending]:
    record = replay(exchange, journal, model_name)
    counts.items += 1
    if record.pending is None:
        counts.answered += 1
        return []
    following = 0
    if isinstance(exchange, SaysHowMany):
        following = max(0, exchange.requests_expected - len(record.answers) - 1)
    else:
        counts.unknown_exchanges += 1
    return [_Pending(record.pending, record.pending.key(model_name), following)]
