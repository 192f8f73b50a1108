"""Asking a language model much: side by side, with retries, within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass

from syneg.errors import InputError
from syneg.llm.blocking import run_to_end
from syneg.llm.budget import TimeBudget
from syneg.llm.crew import Crew
from syneg.llm.engine_progress import Bar
from syneg.llm.journal import Journal
from syneg.llm.journal_writer import JournalWriter
from syneg.llm.prices import Limits, Prices
from syneg.llm.protocol import HoldsConnections, LanguageModel
from syneg.llm.retries import Backoff
from syneg.llm.spending import Spending
from syneg.llm.tally import EngineSummary, Tally
from syneg.llm.work_line import Work, WorkLine
from syneg.progress import Progress, SilentProgress

__all__ = ["EngineSummary", "Limits", "Prices", "Work", "answer_all", "answer_all_async"]

# How often the progress is shown and the spent time written down.
_BEAT_SECONDS = 0.5
# The bar is opened after what was done before is passed over, or after so long.
_LONGEST_WITHOUT_BAR = 1.0


def answer_all(
    work: Iterable[Work],
    model: LanguageModel,
    journal: Journal,
    *,
    total: int | None = None,
    concurrency: int = 8,
    seconds: float | None = None,
    limits: Limits | None = None,
    prices: Prices | None = None,
    retry_failed: bool = False,
    grace_seconds: float = 20.0,
    attempts: int = 5,
    backoff: Backoff | None = None,
    progress: Progress | None = None,
    task_name: str = "synthesize",
) -> EngineSummary:
    """Ask a language model everything that has no answer in the journal yet.

    Work is begun in its order, and read only a little ahead. Each answer is in the journal
    before anything else is done with it, so a run that is stopped, however, goes on where it was
    when started again. An item that fails is noted as failed and does not stop the others.

    Args:
        work: What to ask: requests, and exchanges of several requests each. The same request
            twice is asked once.
        model: Whom to ask.
        journal: Where the answers are kept.
        total: How many items `work` has, for the progress; None takes its length if it has one.
        concurrency: Most requests under way at once, from 1.
        seconds: The time budget in seconds, above 0, less what earlier processes spent on
            `task_name` with this journal; None for no budget. When it ends no more requests
            are begun.
        limits: Most money, tokens and seconds, likewise for all processes together. No request
            is begun that would exceed them; those under way are finished, see `Spending`.
        prices: What tokens cost; None if nobody knows.
        retry_failed: Whether to ask again what failed in an earlier process in a way that
            asking again does not mend, such as a refused request. Other failures always are.
        grace_seconds: How long requests under way may go on after the time budget's end.
        attempts: Most attempts at one request, from 1.
        backoff: How long to wait between them; None for the usual waits.
        progress: Who is told how far the work is; None for nobody.
        task_name: The name under which progress and what was spent are kept.

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
                work,
                model,
                journal,
                total=total,
                concurrency=concurrency,
                seconds=seconds,
                limits=limits,
                prices=prices,
                retry_failed=retry_failed,
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
    work: Iterable[Work],
    model: LanguageModel,
    journal: Journal,
    *,
    total: int | None = None,
    concurrency: int = 8,
    seconds: float | None = None,
    limits: Limits | None = None,
    prices: Prices | None = None,
    retry_failed: bool = False,
    grace_seconds: float = 20.0,
    attempts: int = 5,
    backoff: Backoff | None = None,
    progress: Progress | None = None,
    task_name: str = "synthesize",
) -> EngineSummary:
    """Do what `answer_all` does inside an event loop; the model's connections stay open."""
    _check_count("concurrency", concurrency)
    _check_count("attempts", attempts)
    limits = limits or Limits()
    if limits.cost is not None and prices is None:
        raise InputError(
            "a limit of cost needs prices",
            field="cost",
            value=limits.cost,
            remedy="give the model's prices per million tokens",
        )
    given = [one for one in (seconds, limits.seconds) if one is not None]
    budget = TimeBudget(journal, task_name, min(given, default=None))
    if total is None and isinstance(work, Sized):
        total = len(work)
    tally = Tally(total)
    line = WorkLine(
        work, journal, model.name, tally=tally, ahead=concurrency, retry_failed=retry_failed
    )
    await line.skip_answered(_LONGEST_WITHOUT_BAR)
    with (
        Bar.shown(progress or SilentProgress(), task_name, tally, budget) as bar,
        JournalWriter(journal, task_name) as writer,
    ):
        spending = Spending(limits, prices, writer)
        crew = Crew(
            line,
            model,
            journal,
            writer,
            tally=tally,
            budget=budget,
            spending=spending,
            concurrency=concurrency,
            attempts=attempts,
            backoff=backoff or Backoff(),
            retry_failed=retry_failed,
        )
        shift = _Shift(crew, budget, writer, bar)
        await shift.run(concurrency, grace_seconds)
    if line.error is not None:
        raise line.error
    is_done = line.is_read and tally.finished == tally.asked
    reached = spending.stopped_by or ("seconds" if budget.has_ended else None)
    return tally.summary(stopped_by=None if is_done else reached, has_prices=prices is not None)


@dataclass(frozen=True, slots=True)
class _Shift:
    """Runs the workers, and shows and notes at every beat how far they are."""

    crew: Crew
    budget: TimeBudget
    writer: JournalWriter
    bar: Bar

    async def run(self, concurrency: int, grace_seconds: float) -> None:
        # Workers, not a task for every request: there may be hundreds of thousands.
        workers = [asyncio.create_task(self.crew.work()) for _ in range(concurrency)]
        try:
            await self._until_done(workers, grace_seconds)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._beat()
        await self.crew.finish()
        self.bar.show()

    async def _until_done(
        self, workers: Sequence[asyncio.Task[None]], grace_seconds: float
    ) -> None:
        running = set(workers)
        while running and self.budget.remaining > -grace_seconds:
            done, running = await asyncio.wait(
                running, timeout=_BEAT_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            for worker in done:
                worker.result()  # raises what stopped it
            if self.writer.error is not None:
                raise self.writer.error
            self._beat()

    def _beat(self) -> None:
        self.bar.show()
        self.writer.add_seconds(self.budget.since_last_time())


def _check_count(name: str, value: int) -> None:
    if value < 1:
        raise InputError("is not a whole number from 1", field=name, value=value)
