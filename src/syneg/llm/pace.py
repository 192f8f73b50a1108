"""When the next request to a server may begin."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping

from syneg.errors import InputError
from syneg.llm.concurrency import AdaptiveConcurrency
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError
from syneg.llm.quotas import Quotas, Turn

_OVERLOAD_KINDS = frozenset({FailureKind.RATE_LIMIT, FailureKind.TIMEOUT})
_OVERLOAD_STATUSES = frozenset({503, 504, 529})
# Failures with which a wait that the server asks for is one for all requests.
_OF_THE_SERVER = _OVERLOAD_KINDS | {FailureKind.SERVER}


class Pace:
    """Lets requests to one server begin as fast as the server bears and the user allows.

    First come, first served. What holds them up: the requests under way, which are never more
    than `concurrency` and fewer while the server is overloaded (`AdaptiveConcurrency`); the
    requests and tokens per minute; what the server's own `x-ratelimit-…` headers leave; and a
    wait that the server asked for (Retry-After), which holds for all requests to it.

    Args:
        concurrency: Most requests under way, from 1; None leaves that to the caller.
        requests_per_minute: Most requests begun in a minute, from above 0; None for no limit.
        tokens_per_minute: Most tokens, of requests and answers together; None for no limit.
        longest_hold_seconds: The longest wait that a server may ask for, from 0; a server's
            asking is not obeyed beyond it.
        clock: The time, in seconds from any beginning.

    Raises:
        InputError: A limit is out of range.

    Example:
        >>> async def ask_once(pace: Pace) -> int:
        ...     turn = await pace.begin(tokens=100)
        ...     pace.withdraw(turn)  # or `answered`, or `failed`
        ...     return pace.under_way
        >>> asyncio.run(ask_once(Pace(8, requests_per_minute=60)))
        0
    """

    def __init__(
        self,
        concurrency: int | None = None,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        longest_hold_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check("concurrency", concurrency, 1)
        _check("requests_per_minute", requests_per_minute)
        _check("tokens_per_minute", tokens_per_minute)
        self._clock = clock
        self._concurrency = None if concurrency is None else AdaptiveConcurrency(concurrency)
        self._quotas = Quotas(requests_per_minute, tokens_per_minute, clock())
        self._longest_hold_seconds = longest_hold_seconds
        self._held_until = -math.inf
        self._waiting: deque[tuple[asyncio.Future[Turn], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.under_way = 0

    @property
    def free_slots(self) -> float:
        """How many more requests could be under way, less those waiting; below 0 when crowded."""
        limit = 0 if self._concurrency is None else self._concurrency.limit
        return limit - self.under_way - len(self._waiting)

    @property
    def limit(self) -> float:
        """The most requests under way now."""
        return math.inf if self._concurrency is None else self._concurrency.limit

    @property
    def held_seconds(self) -> float:
        """How long no request may begin because the server asked for it, from 0."""
        return max(0.0, self._held_until - self._clock())

    def expected_tokens(self, request: ChatRequest) -> float:
        """Return about how many tokens a request and its answer will have."""
        return self._quotas.expected_tokens(request)

    async def begin(self, tokens: float) -> Turn:
        """Wait until a request may begin.

        Args:
            tokens: About how many tokens the request and its answer will have.

        Returns:
            The leave, to be handed to `answered`, `failed` or `withdraw` exactly once.
        """
        if not self._waiting and self._seconds_until(tokens) <= 0:
            return self._take(tokens)
        future: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, tokens))
        self._admit()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # given and cancelled at once
                self.withdraw(future.result())
            else:
                self._admit()
            raise

    def answered(self, turn: Turn, answer: ChatAnswer | None, headers: Mapping[str, str]) -> None:
        """Note that a server replied with an answer.

        Args:
            turn: The leave of the request.
            answer: The answer; None for one that could not be used.
            headers: The reply's headers.
        """
        now = self._clock()
        if self._concurrency is not None:
            self._concurrency.answered(
                started=turn.started,
                now=now,
                under_way=self.under_way,
                tokens=None if answer is None else answer.completion_tokens,
            )
        if answer is not None:
            self._quotas.correct(turn, answer)
        self._quotas.read(headers, turn, now)
        self._end()

    def failed(
        self, turn: Turn, error: LanguageModelError, headers: Mapping[str, str] | None = None
    ) -> None:
        """Note that a request got no answer.

        Args:
            turn: The leave of the request.
            error: Why there was none.
            headers: The reply's headers, where there was a reply.
        """
        now = self._clock()
        is_overload = error.kind in _OVERLOAD_KINDS or error.status in _OVERLOAD_STATUSES
        if self._concurrency is not None and is_overload:
            self._concurrency.overloaded(started=turn.started, now=now)
        if error.retry_after is not None and error.kind in _OF_THE_SERVER:
            self.hold(min(self._longest_hold_seconds, error.retry_after))
        if error.kind is not FailureKind.TIMEOUT:  # which may have been counted
            self._quotas.withdraw(turn)
        if headers is not None:
            self._quotas.read(headers, turn, now)
        self._end()

    def withdraw(self, turn: Turn) -> None:
        """Note that a request was not asked to its end."""
        self._quotas.withdraw(turn)
        self._end()

    def hold(self, seconds: float) -> None:
        """Let no request begin for some seconds."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    def _seconds_until(self, tokens: float) -> float:
        now = self._clock()
        seconds = max(self._held_until - now, self._quotas.seconds_until(tokens, now))
        if seconds > 0 or self._concurrency is None:
            return seconds
        return self._concurrency.seconds_until_free(self.under_way, now)

    def _take(self, tokens: float) -> Turn:
        self.under_way += 1
        return self._quotas.take(tokens, self._clock())

    def _end(self) -> None:
        self.under_way -= 1
        if self._waiting:
            self._admit()

    def _admit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            future, tokens = self._waiting[0]
            loop = future.get_loop()
            # Cancelled, or left behind by an event loop that is no more.
            if future.done() or loop.is_closed():
                self._waiting.popleft()
                continue
            seconds = self._seconds_until(tokens)
            if seconds > 0:
                if math.isfinite(seconds):
                    self._timer = loop.call_later(seconds, self._admit)
                return
            self._waiting.popleft()
            future.set_result(self._take(tokens))


def _check(field: str, value: float | None, least: float = 0.0) -> None:
    if value is not None and not (math.isfinite(value) and value >= least and value > 0):
        wanted = f"a number from {least:g}" if least else "a number above 0"
        raise InputError(f"is not {wanted}", field=field, value=value)
