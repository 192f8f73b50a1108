"""When a request that failed is asked again, and how long to wait before."""

from __future__ import annotations

import random
from dataclasses import dataclass

from syneg.llm.protocol import FailureKind, LanguageModelError

# Asking again may help against these; a bad request or a refused key stays as it is.
_PASSING = frozenset(
    {FailureKind.UNREACHABLE, FailureKind.TIMEOUT, FailureKind.RATE_LIMIT, FailureKind.SERVER}
)
# The server works, but what it said is of no use.
UNUSABLE_ANSWERS = frozenset({FailureKind.BAD_ANSWER, FailureKind.REFUSAL})
# These tell of the server, the network or the account: later, all may be well.
_OF_THE_SERVER = _PASSING | {FailureKind.REFUSED_KEY}
# Statuses of a bad request that tell of the address or the account, not of the request.
_OF_THE_ADDRESS = frozenset({402, 404, 405, 409, 410, 426})
# An unusable reply was paid for and the next one is likely to be the same: one more try.
_ATTEMPTS_AT_AN_ANSWER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before asking again.

    The wait doubles with every attempt. Chance takes up to half of it off, so that requests
    that failed together do not come back together.

    Attributes:
        first_seconds: The wait after the first failure, from 0.
        longest_seconds: The longest wait of its own accord.
        longest_obeyed_seconds: The longest wait when the server asks for one (Retry-After).
    """

    first_seconds: float = 1.0
    longest_seconds: float = 60.0
    longest_obeyed_seconds: float = 300.0

    def seconds(self, error: LanguageModelError, attempt: int, chance: random.Random) -> float:
        """Return how long to wait after a failed attempt.

        Args:
            error: What went wrong.
            attempt: The number of the attempt that failed, from 1.
            chance: Where the jitter is drawn from.

        Returns:
            Seconds, never fewer than the server asked for (up to the longest obeyed).

        Example:
            >>> error = LanguageModelError(FailureKind.RATE_LIMIT, "slow down", retry_after=7.0)
            >>> 7.0 <= Backoff().seconds(error, 1, random.Random(0)) <= 8.0
            True
        """
        own = min(self.longest_seconds, self.first_seconds * 2.0 ** (attempt - 1))
        if error.retry_after is None:
            return own * chance.uniform(0.5, 1.0)
        asked = min(self.longest_obeyed_seconds, error.retry_after)
        return asked + own * chance.uniform(0.0, 0.5)


def may_try_again(error: LanguageModelError, attempt: int, attempts: int) -> bool:
    """Tell whether to ask again after a failed attempt.

    Args:
        error: What went wrong.
        attempt: The number of the attempt that failed, from 1.
        attempts: Most attempts at one request.
    """
    if error.kind in UNUSABLE_ANSWERS:
        return attempt < min(attempts, _ATTEMPTS_AT_AN_ANSWER)
    return error.kind in _PASSING and attempt < attempts


def asking_again_is_of_no_use(kind: FailureKind, status: int | None = None) -> bool:
    """Tell whether a later process would meet with the same failure.

    Args:
        kind: The sort of the last failure.
        status: The HTTP status, where there was one.

    Returns:
        True for a request that the server refuses or that got no usable answer in all its
        attempts; False for failures of the server, the network, the address or the account.

    Example:
        >>> asking_again_is_of_no_use(FailureKind.BAD_REQUEST, 400)
        True
        >>> asking_again_is_of_no_use(FailureKind.TIMEOUT)
        False
    """
    return kind not in _OF_THE_SERVER and status not in _OF_THE_ADDRESS
