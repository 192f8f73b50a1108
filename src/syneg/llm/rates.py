"""Requests and tokens per minute: what may begin now, and what must wait how long."""

from __future__ import annotations

import math
from collections.abc import Mapping

from syneg.llm.failures import span_seconds

_MINUTE = 60.0
# A rounding error must not make a timer that fires at the right moment wait once more.
_ROUNDING = 1e-6
# What a server's headers say is a forecast. After this long, asking tells more.
_LONGEST_FORECAST_SECONDS = 60.0


class Bucket:
    """A token bucket: it fills steadily up to a brim, and what begins takes out of it.

    One thing that costs more than the bucket holds may begin when the bucket is full; those
    after it wait until the debt is paid. Nothing here has a clock: every method is told the
    time, in seconds.

    Args:
        per_second: How fast it fills, from above 0.
        brim: The most it holds, from above 0.
        level: What it holds at first.
        now: The time.

    Example:
        >>> bucket = Bucket.per_minute(120, now=0.0)  # two a second
        >>> [bucket.take(1, 0.0) for _ in range(2)]
        [None, None]
        >>> bucket.seconds_until(1, 0.0)
        0.5
    """

    def __init__(self, per_second: float, brim: float, level: float, now: float) -> None:
        self._per_second = per_second
        self._brim = brim
        self._level = min(brim, level)
        self._at = now
        self.taken = 0.0

    @classmethod
    def per_minute(cls, amount: float, now: float) -> Bucket:
        """Return a bucket that lets an amount through in a minute, and a second's worth at once.

        Args:
            amount: The amount, from above 0.
            now: The time.
        """
        per_second = amount / _MINUTE
        brim = max(1.0, per_second)
        return cls(per_second, brim, brim, now)

    def seconds_until(self, cost: float, now: float) -> float:
        """Return how long something must wait that costs so much."""
        self._fill(now)
        missing = min(cost, self._brim) - self._level
        return 0.0 if missing <= _ROUNDING else missing / self._per_second

    def take(self, cost: float, now: float) -> None:
        """Take out the cost of something that begins, whether it is there or not."""
        self._fill(now)
        self._level -= cost
        self.taken += cost

    def give_back(self, amount: float) -> None:
        """Correct what was taken: too much (above 0) or too little (below 0)."""
        self._level = min(self._brim, self._level + amount)

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._level = min(self._brim, self._level + (now - self._at) * self._per_second)
            self._at = now


class ServerLimit:
    """A limit that a server tells in the headers of its replies, followed between replies.

    Args:
        what: "requests" or "tokens", as the headers call it.

    Example:
        >>> limit = ServerLimit("requests")
        >>> headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0",
        ...            "x-ratelimit-reset-requests": "60s"}
        >>> limit.read(headers, begun_since=0.0, now=0.0)
        >>> limit.seconds_until(1, 0.0)
        1.0
    """

    def __init__(self, what: str) -> None:
        self._limit_name = f"x-ratelimit-limit-{what}"
        self._remaining_name = f"x-ratelimit-remaining-{what}"
        self._reset_name = f"x-ratelimit-reset-{what}"
        self._bucket: Bucket | None = None

    def read(self, headers: Mapping[str, str], *, begun_since: float, now: float) -> None:
        """Follow what the headers of a reply say.

        Args:
            headers: The headers; names in lower case find their values.
            begun_since: What began after the request of this reply; the server may not have
                counted it yet.
            now: The time.
        """
        remaining = _number(headers.get(self._remaining_name))
        if remaining is None:
            return
        limit = _number(headers.get(self._limit_name)) or max(1.0, remaining)
        reset = span_seconds(headers.get(self._reset_name))
        if reset is None:
            reset = _MINUTE
        if remaining >= limit or reset <= 0:
            self._bucket = None
            return
        self._bucket = Bucket((limit - remaining) / reset, limit, remaining - begun_since, now)

    def seconds_until(self, cost: float, now: float) -> float:
        """Return how long something must wait that costs so much; 0 where nothing is known."""
        if self._bucket is None:
            return 0.0
        seconds = self._bucket.seconds_until(cost, now)
        if seconds > _LONGEST_FORECAST_SECONDS:
            self._bucket = Bucket(cost / _LONGEST_FORECAST_SECONDS, cost, 0.0, now)
            return _LONGEST_FORECAST_SECONDS
        return seconds

    def take(self, cost: float, now: float) -> None:
        """Note that something begins that costs so much."""
        if self._bucket is not None:
            self._bucket.take(cost, now)

    def give_back(self, amount: float) -> None:
        """Correct what was taken: too much (above 0) or too little (below 0)."""
        if self._bucket is not None:
            self._bucket.give_back(amount)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
