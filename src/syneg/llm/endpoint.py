"""One of several servers, and whether it may be asked now."""

from __future__ import annotations

import math
from dataclasses import dataclass

from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.protocol import FailureKind

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_LARGEST_POWER = 30
# One error of the server may be the request's doing; so many in a row are the server's.
_ERRORS_OF_A_SICK_SERVER = 3


@dataclass(slots=True)
class Endpoint:
    """A server, with what is known of its health.

    Attributes:
        model: The model at this server.
        failures: How often it was set aside since it last answered.
        again_at: When it may be asked again, by the clock of who asks.
        is_tried: Whether a request is under way that finds out how it is.
        errors: How many errors of its own (HTTP 5xx) it gave since it last answered.
    """

    model: OpenAICompatibleModel
    failures: int = 0
    again_at: float = -math.inf
    is_tried: bool = False
    errors: int = 0

    def is_open(self, now: float) -> bool:
        """Tell whether it may be asked."""
        # After a pause one request goes ahead and the others wait for what becomes of it.
        return self.failures == 0 or (now >= self.again_at and not self.is_tried)

    def set_aside(self, now: float) -> float:
        """Let it rest, each time twice as long, and return for how many seconds."""
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0**self.failures)
        self.failures = min(self.failures + 1, _LARGEST_POWER)
        self.again_at = now + pause
        return pause

    def is_well(self) -> None:
        """Note that it does its work."""
        self.failures = self.errors = 0

    def is_ill_by(self, kind: FailureKind) -> bool:
        """Note a failure, and tell whether it means that others should be asked."""
        if kind is FailureKind.SERVER:
            # It fails at once, so that it has the most free slots: all would go to it.
            self.errors += 1
            return self.errors >= _ERRORS_OF_A_SICK_SERVER
        if kind is FailureKind.UNREACHABLE:
            return True
        if kind is not FailureKind.TIMEOUT:
            self.is_well()
        return False
