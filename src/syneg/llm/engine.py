"""Asking a language model many requests: side by side, with retries, within a time budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from syneg.errors import InputError
from syneg.llm.blocking import run_to_end
from syneg.llm.budget import TimeBudget
from syneg.llm.crew import Crew
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest, HoldsConnections, LanguageModel
from syneg.llm.retries import Backoff
from syneg.llm.tally import EngineSummary, Tally
from syneg.progress import Progress, SilentProgress, Task

__all__ = ["EngineSummary", "answer_all", "answer_all_async"]

# How often the progress is shown and the spent time written down.
_BEAT_SECONDS = 0.5


def answer_all(
    requests: Sequence[ChatRequest],
    model: LanguageModel,
    journal: Journal,
    *,
    concurrency: int = 8,
    seconds: float | None = None,
    grace_seconds: float = 20.0,
    attempts: int = 5,
    backoff: Backoff | None = None,
    progress: Progress | None = None,
    task_name: str = "synthesize",
) -> EngineSummary:
    """Ask a language model every request that has no answer in the journal yet.

    Requests are taken in their order. Each answer is in the journal before anything else is
    done with it, so a run that is stopped, however, goes on where it was when started again. A
    request that fails is noted as failed and does not stop the others.

    Args:
        requests: What to ask; the same request twice is asked once.
        model: Whom to ask.
        journal: Where the answers are kept.
        concurrency: Most requests under way at once, from 1.
        seconds: The time budget in seconds, above 0, less what earlier processes spent on
            `task_name` with this journal; None for no budget. When it ends no more requests
            are begun.
        grace_seconds: How long requests under way may go on after the budget's end.
        attempts: Most attempts at one request, from 1.
        backoff: How long to wait between them; None for the usual waits.
        progress: Who is told how far the work is; None for nobody.
        task_name: The name under which progress and spent time are kept.

    Returns:
        What was asked, answered and spent.

    Raises:
        InputError: An argument is out of range, the server refuses the key, or it answers
            nothing any more. The answers that came before are in the journal.
        OSError: The journal's disk is full or broken.
    """

    async def ask() -> EngineSummary:
        try:
            return await answer_all_async(
                requests,
                model,
                journal,
                concurrency=concurrency,
                seconds=seconds,
                grace_seconds=grace_seconds,
                attempts=attempts,
                backoff=backoff,
                progress=progress,
                task_name=task_name,
            )
        finally:
            if isinstance(model, HoldsConnections):
                await model.close()

    return run_to_end(ask)


async def answer_all_async(
    requests: Sequence[ChatRequest],
    model: LanguageModel,
    journal: Journal,
    *,
    concurrency: int = 8,
    seconds: float | None = None,
    grace_seconds: float = 20.0,
    attempts: int = 5,
    backoff: Backoff | None = None,
    progress: Progress | None = None,
    task_name: str = "synthesize",
) -> EngineSummary:
    """Do what `answer_all` does inside an event loop; the model's connections stay open."""
    _check_count("concurrency", concurrency)
    _check_count("attempts", attempts)
    budget = TimeBudget(journal, task_name, seconds)
    by_key = {request.key(model.name): request for request in requests}
    answered = journal.answered(by_key)
    waiting = [request for key, request in by_key.items() if key not in answered]
    tally = Tally(len(by_key), len(answered))
    crew = Crew(
        waiting,
        model,
        journal,
        tally=tally,
        budget=budget,
        concurrency=concurrency,
        attempts=attempts,
        backoff=backoff or Backoff(),
    )
    with _Bar.shown(progress or SilentProgress(), task_name, tally, budget) as bar:
        # Workers, not a task for every request: there may be hundreds of thousands.
        workers = [asyncio.create_task(crew.work()) for _ in range(min(concurrency, len(waiting)))]
        try:
            await _until_done(workers, budget, grace_seconds, bar.show)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            bar.show()
            budget.write_down()
    return tally.summary(budget_ended=budget.has_ended)


async def _until_done(
    workers: Sequence[asyncio.Task[None]],
    budget: TimeBudget,
    grace_seconds: float,
    show: Callable[[], None],
) -> None:
    running = set(workers)
    while running and budget.remaining > -grace_seconds:
        done, running = await asyncio.wait(
            running, timeout=_BEAT_SECONDS, return_when=asyncio.FIRST_EXCEPTION
        )
        for worker in done:
            worker.result()  # raises what stopped it
        show()
        budget.write_down()


class _Bar:
    """Moves the progress bar so that it is full exactly when the work ends.

    Without a budget it counts requests. With one it counts seconds, and runs ahead of the clock
    where the requests will be done before the budget is.
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
    ) -> Iterator[_Bar]:
        total = tally.asked if budget.seconds is None else budget.seconds
        position = _position(tally, budget)
        with progress.task(name, total=total, done=position) as task:
            yield cls(task, tally, budget, position)

    def show(self) -> None:
        position = _position(self._tally, self._budget)
        if position > self._position:
            self._task.advance(position - self._position)
            self._position = position
        self._task.describe(self._tally.text())


def _position(tally: Tally, budget: TimeBudget) -> float:
    if budget.seconds is None:
        return tally.finished
    share = tally.finished / tally.asked if tally.asked else 1.0
    return min(budget.seconds, max(budget.spent, share * budget.seconds))


def _check_count(name: str, value: int) -> None:
    if value < 1:
        raise InputError("is not a whole number from 1", field=name, value=value)
