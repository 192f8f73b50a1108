"""A time budget that outlives the process."""

from __future__ import annotations

import math
import time

from syneg.errors import InputError
from syneg.llm.journal import Journal


class TimeBudget:
    """The seconds that a task may take, summed over all processes that work on it.

    Args:
        journal: Tells the seconds that earlier processes spent.
        task_name: The task.
        seconds: The budget, above 0; None for no limit.

    Raises:
        InputError: The budget is not above 0.
    """

    def __init__(self, journal: Journal, task_name: str, seconds: float | None) -> None:
        if seconds is not None and not seconds > 0:
            raise InputError("the time budget is not above 0 seconds", value=seconds)
        self.seconds = seconds
        self.spent_before = journal.spent_seconds(task_name)
        self._started = time.monotonic()
        self._written = self._started

    @property
    def spent(self) -> float:
        """Seconds spent until now, by this and all earlier processes."""
        return self.spent_before + time.monotonic() - self._started

    @property
    def remaining(self) -> float:
        """Seconds left: below 0 when the budget is overdrawn, infinite when there is none."""
        return math.inf if self.seconds is None else self.seconds - self.spent

    @property
    def has_ended(self) -> bool:
        """Whether no more work may be begun."""
        return self.remaining <= 0

    def since_last_time(self) -> float:
        """Return the seconds since this was last called, to be written into the journal."""
        now = time.monotonic()
        since, self._written = now - self._written, now
        return since
