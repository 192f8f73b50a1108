"""How many requests a server may have under way: a number that follows what the server bears."""

from __future__ import annotations

import math

# A rate limit refuses at once, so a tenth of a second without a refusal is a sign that more is
# borne: 256 requests are reached in 0.3 seconds, which costs little even of a short run.
_FIRST_LIMIT = 32
_DOUBLING_SECONDS = 0.1
# After the first overload the limit climbs from half to the whole in about 16 rounds of answers.
_STEPS_TO_MAXIMUM = 32
_FEWEST_IN_ROUND = 16
# Time per token grows with the load on any server that batches, while more tokens come in all.
# This many times the best seen, requests only wait in the server's own line.
_SLOW = 4.0
_MUCH_TOO_SLOW = 8.0
# Answers that come within this are no burden, whatever they were before.
_QUICK_SECONDS = 2.0
# The best time per token is forgotten slowly: texts and servers change during a long run.
_FORGETTING = 1.01


class AdaptiveConcurrency:
    """The most requests under way, between 1 and a maximum.

    It doubles until the first sign of overload, halves at each overload (once for all requests
    that were under way together), and grows by the same small step with each round of answers
    after that. Nothing here has a clock: every method is told the time, in seconds.

    Args:
        maximum: What it never exceeds, from 1.

    Example:
        >>> concurrency = AdaptiveConcurrency(64)
        >>> concurrency.limit
        32
        >>> concurrency.overloaded(started=1.0, now=2.0)
        >>> concurrency.overloaded(started=1.5, now=2.1)  # of the same burst
        >>> concurrency.limit
        16
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._limit = float(min(maximum, _FIRST_LIMIT))
        self._is_starting = True
        self._full_since: float | None = None
        self._cut_at = -math.inf
        self._may_grow = True
        self._best_pace = math.inf
        self._round_answers = 0
        self._round_seconds = 0.0
        self._round_tokens = 0

    @property
    def limit(self) -> int:
        """The most requests under way now."""
        return int(self._limit)

    def seconds_until_free(self, under_way: int, now: float) -> float:
        """Return how long the next request must wait.

        Args:
            under_way: How many are.
            now: The time.

        Returns:
            0 to begin now, infinity to wait until one that is under way ends.
        """
        if under_way < self.limit:
            return 0.0
        if not self._is_starting or self._limit >= self._maximum:
            return math.inf
        if self._full_since is None:
            self._full_since = now
        # A rounding error must not make a timer that fires at this very moment wait once more.
        if now - self._full_since < _DOUBLING_SECONDS * 0.999:
            return self._full_since + _DOUBLING_SECONDS - now
        self._full_since = now
        self._limit = min(float(self._maximum), 2.0 * self._limit)
        return 0.0

    def answered(self, *, started: float, now: float, under_way: int, tokens: int | None) -> None:
        """Note an answer.

        Args:
            started: When its request began.
            now: The time.
            under_way: How many requests were under way, this one among them.
            tokens: How many tokens the answer has, where the server says so.
        """
        self._round_answers += 1
        self._round_seconds += now - started
        self._round_tokens += max(1, tokens or 1)
        is_full = under_way + 1 >= self._limit
        if self._may_grow and is_full and started > self._cut_at:
            step = 1.0
            if not self._is_starting:
                step = max(1.0, self._maximum / _STEPS_TO_MAXIMUM) / self._limit
            self._limit = min(float(self._maximum), self._limit + step)
        if self._round_answers >= max(_FEWEST_IN_ROUND, self.limit):
            self._end_round(now)

    def overloaded(self, *, started: float, now: float) -> None:
        """Note that the server refused or dropped a request because there are too many.

        Args:
            started: When the request began.
            now: The time.
        """
        if started <= self._cut_at:
            return
        self._cut_at = now
        self._is_starting = False
        self._limit = max(1.0, self._limit / 2.0)

    def _end_round(self, now: float) -> None:
        pace = self._round_seconds / self._round_tokens
        seconds = self._round_seconds / self._round_answers
        self._round_answers, self._round_seconds, self._round_tokens = 0, 0.0, 0
        self._best_pace = min(self._best_pace * _FORGETTING, pace)
        ratio = pace / self._best_pace if seconds > _QUICK_SECONDS else 1.0
        self._may_grow = ratio <= _SLOW
        if not self._may_grow:
            self._is_starting = False
        if ratio > _MUCH_TOO_SLOW:
            # What is under way now began before, so its end says nothing of the new limit.
            self.overloaded(started=math.inf, now=now)
