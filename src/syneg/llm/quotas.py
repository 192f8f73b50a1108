"""All that limits requests and tokens per minute at one server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.llm.rates import Bucket, ServerLimit

_CHARACTERS_PER_TOKEN = 4
# Enough answers to expect the next to be about as long as they were.
_ANSWERS_TO_EXPECT_BY = 20


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to ask one request.

    Attributes:
        started: When it was given, by the clock of who gave it.
        tokens: How many tokens the request and its answer were expected to have.
        requests_before: Requests that had begun by then, this one among them.
        tokens_before: The tokens expected of them.
    """

    started: float
    tokens: float
    requests_before: int
    tokens_before: float


class Quotas:
    """The user's limits per minute and those that the server tells, together.

    Nothing here has a clock: every method is told the time, in seconds.

    Args:
        requests_per_minute: Most requests begun in a minute, from above 0; None for no limit.
        tokens_per_minute: Most tokens, of requests and answers together; None for no limit.
        now: The time.

    Example:
        >>> quotas = Quotas(60, None, now=0.0)
        >>> turn = quotas.take(tokens=100, now=0.0)
        >>> quotas.seconds_until(tokens=100, now=0.0)
        1.0
    """

    def __init__(
        self, requests_per_minute: float | None, tokens_per_minute: float | None, now: float
    ) -> None:
        self._requests: list[Bucket | ServerLimit] = [ServerLimit("requests")]
        self._tokens: list[Bucket | ServerLimit] = [ServerLimit("tokens")]
        if requests_per_minute is not None:
            self._requests.append(Bucket.per_minute(requests_per_minute, now))
        if tokens_per_minute is not None:
            self._tokens.append(Bucket.per_minute(tokens_per_minute, now))
        self._answers, self._answer_tokens = 0, 0
        self._requests_begun, self._tokens_begun = 0, 0.0

    def expected_tokens(self, request: ChatRequest) -> float:
        """Return about how many tokens a request and its answer will have."""
        answer = float(request.max_tokens)
        if self._answers >= _ANSWERS_TO_EXPECT_BY:
            answer = min(answer, self._answer_tokens / self._answers)
        return (len(request.system) + len(request.user)) / _CHARACTERS_PER_TOKEN + answer

    def seconds_until(self, tokens: float, now: float) -> float:
        """Return how long a request of so many tokens must wait, from 0."""
        seconds = 0.0
        for limit in self._requests:
            seconds = max(seconds, limit.seconds_until(1.0, now))
        for limit in self._tokens:
            seconds = max(seconds, limit.seconds_until(tokens, now))
        return seconds

    def take(self, tokens: float, now: float) -> Turn:
        """Let a request begin that has about so many tokens."""
        for limit in self._requests:
            limit.take(1.0, now)
        for limit in self._tokens:
            limit.take(tokens, now)
        self._requests_begun += 1
        self._tokens_begun += tokens
        return Turn(now, tokens, self._requests_begun, self._tokens_begun)

    def correct(self, turn: Turn, answer: ChatAnswer) -> None:
        """Put the tokens that the server counted in the place of those expected."""
        written = answer.completion_tokens
        if written is None:
            return
        self._answers += 1
        self._answer_tokens += written
        if answer.prompt_tokens is not None:
            self._give_back(turn.tokens - answer.prompt_tokens - written)

    def withdraw(self, turn: Turn) -> None:
        """Give back the tokens of a request that got no answer."""
        self._give_back(turn.tokens)

    def read(self, headers: Mapping[str, str], turn: Turn, now: float) -> None:
        """Follow what the headers of a reply say of the server's limits."""
        for limits, begun_since in (
            (self._requests, float(self._requests_begun - turn.requests_before)),
            (self._tokens, self._tokens_begun - turn.tokens_before),
        ):
            for limit in limits:
                if isinstance(limit, ServerLimit):
                    limit.read(headers, begun_since=begun_since, now=now)

    def _give_back(self, tokens: float) -> None:
        for limit in self._tokens:
            limit.give_back(tokens)
