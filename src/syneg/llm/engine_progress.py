"""The progress bar of the asking engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from syneg.llm.budget import TimeBudget
from syneg.llm.tally import Tally
from syneg.progress import Progress, Task


class Bar:
    """Moves the progress bar so that it is full exactly when the work ends.

    Without a time budget it counts items. With one it counts seconds, and runs ahead of the
    clock where the items will be done before the budget is.

    Args:
        task: What shows the bar.
        tally: What was done.
        budget: The time budget.
        position: Where the bar stands.
    """

    def __init__(self, task: Task, tally: Tally, budget: TimeBudget, position: float) -> None:
        self._task = task
        self._tally = tally
        self._budget = budget
        self._position = position

    @classmethod
    @contextmanager
    def shown(
        cls, progress: Progress, name: str, tally: Tally, budget: TimeBudget
    ) -> Iterator[Bar]:
        """Open the bar where the work stands."""
        total = budget.seconds
        if total is None and tally.total is not None:
            total = tally.asked
        position = _position(tally, budget)
        with progress.task(name, total=total, done=position) as task:
            yield cls(task, tally, budget, position)

    def show(self) -> None:
        """Move the bar to where the work stands now."""
        position = _position(self._tally, self._budget)
        if position > self._position:
            self._task.advance(position - self._position)
            self._position = position
        self._task.describe(self._tally.text())


def _position(tally: Tally, budget: TimeBudget) -> float:
    if budget.seconds is None:
        return tally.finished
    if tally.total is None:
        return min(budget.seconds, budget.spent)
    share = tally.finished / tally.asked if tally.asked else 1.0
    return min(budget.seconds, max(budget.spent, share * budget.seconds))
