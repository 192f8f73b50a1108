"""The workers that take work from one line and put the answers into the journal."""

from __future__ import annotations

import asyncio
import random
from itertools import count

from syneg.errors import InputError
from syneg.llm.address import KEY_VARIABLES
from syneg.llm.budget import TimeBudget
from syneg.llm.journal import Journal
from syneg.llm.journal_rows import FailedBefore, StoredAnswer, StoredFailure
from syneg.llm.journal_writer import JournalWriter
from syneg.llm.outage import Outage
from syneg.llm.protocol import (
    ChatAnswer,
    ChatRequest,
    FailureKind,
    LanguageModel,
    LanguageModelError,
)
from syneg.llm.retries import Backoff, may_try_again
from syneg.llm.spending import Spending
from syneg.llm.tally import Tally
from syneg.llm.work_line import Item, WorkLine

# Answers that nobody waits for on their way to the disk; more would mean that it is too slow.
_MOST_UNSTORED = 1000

_Outcome = ChatAnswer | LanguageModelError | FailedBefore | None


class Crew:
    """What workers share; each runs `work`.

    Args:
        line: The work.
        model: Whom to ask.
        journal: Where answers are looked up.
        writer: What stores answers and failures.
        tally: Where they are counted.
        budget: How long requests may be begun.
        spending: How much may be spent on them.
        concurrency: How many workers there will be.
        attempts: Most attempts at one request, from 1.
        backoff: How long to wait between them.
        retry_failed: Whether to ask again what failed for good in an earlier process.
    """

    def __init__(
        self,
        line: WorkLine,
        model: LanguageModel,
        journal: Journal,
        writer: JournalWriter,
        *,
        tally: Tally,
        budget: TimeBudget,
        spending: Spending,
        concurrency: int,
        attempts: int,
        backoff: Backoff,
        retry_failed: bool,
    ) -> None:
        self._line = line
        self._model = model
        self._model_name = model.name
        self._journal = journal
        self._writer = writer
        self._tally = tally
        self._budget = budget
        self._spending = spending
        self._attempts = attempts
        self._backoff = backoff
        self._retry_failed = retry_failed
        self._outage = Outage(concurrency)
        # Requests from their beginning until their answer is on the disk, by key.
        self._under_way: dict[str, asyncio.Future[_Outcome]] = {}
        self._failed: dict[str, LanguageModelError] = {}
        self._unstored: set[asyncio.Future[None]] = set()
        self._has_room = asyncio.Event()
        # Draws waiting times only, which change no result.
        self._chance = random.Random()

    async def work(self) -> None:
        """Do work until there is none left or a limit is reached.

        Raises:
            InputError: The server refuses the key or stopped answering.
            OSError: The journal's disk is full or broken.
        """
        while not self._budget.has_ended and self._spending.stopped_by is None:
            if self._writer.error is not None:
                raise self._writer.error
            item = await self._line.next()
            if item is None:
                return
            await self._do(item)

    async def finish(self) -> None:
        """Wait until every answer is on the disk."""
        while self._unstored:
            await asyncio.wait(self._unstored)

    async def _do(self, item: Item) -> None:
        is_first, all_before = True, True
        while True:
            outcome, is_new = await self._obtain(item, is_first)
            all_before = all_before and not is_new
            if isinstance(outcome, LanguageModelError):
                self._tally.count_failure(outcome.kind, outcome.detail)
                return
            if isinstance(outcome, FailedBefore):
                self._tally.count_failed_before(outcome)
                return
            if outcome is None or (item.exchange is None and is_new):
                return  # not reached; or counted as soon as it is on the disk
            try:
                goes_on = item.advance(outcome, self._model_name)
            except Exception as error:  # noqa: BLE001 - raised again when those under way are done
                self._line.stop(error)
                return
            if not goes_on:
                self._tally.count_done(before=all_before)
                return
            is_first = False

    async def _obtain(self, item: Item, is_first: bool) -> tuple[_Outcome, bool]:
        """Return what became of an item's next request, and whether it was asked here and now."""
        running = self._under_way.get(item.key)
        if running is not None:
            return await asyncio.shield(running), False
        known = self._known(item.key, is_first)
        if known is not None:
            return known, False
        promise: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self._under_way[item.key] = promise
        outcome: _Outcome = None
        is_on_its_way = False
        try:
            if await self._spending.reserve(item.key, item.request) and not self._budget.has_ended:
                outcome = await self._ask(item.request, item.key)
                if isinstance(outcome, ChatAnswer):
                    stored = self._hand_over(item, outcome)
                    if item.exchange is None:
                        is_on_its_way = True
                        self._when_stored(stored, item.key, promise, outcome)
                        await self._limit_unstored()
                    else:
                        await stored
        finally:
            self._spending.settle(item.key)
            if not is_on_its_way:
                self._keep(item.key, promise, outcome)
        return outcome, True

    def _known(self, key: str, is_first: bool) -> _Outcome:
        # Another process may have answered it since it was looked up.
        answer = self._journal.get(key)
        if answer is not None:
            return answer
        if key in self._failed:
            return self._failed[key]
        if is_first or self._retry_failed:
            return None
        return self._journal.failed_for_good([key]).get(key)

    async def _ask(self, request: ChatRequest, key: str) -> _Outcome:
        for attempt in count(1):
            try:
                answer = await self._model.answer(request)
            except LanguageModelError as error:
                if error.unusable is not None:
                    self._count_lost(request, error.unusable)
                wait = self._backoff.seconds(error, attempt, self._chance)
                if not may_try_again(error, attempt, self._attempts) or (
                    wait >= self._budget.remaining
                ):
                    return await self._give_up(key, error, attempt)
                await asyncio.sleep(wait)
                if error.unusable is not None and not await self._spending.renew(key, request):
                    return None
            else:
                self._outage.end()
                return answer
        raise AssertionError("the attempts end above")

    def _count_lost(self, request: ChatRequest, unusable: ChatAnswer) -> None:
        # It was paid for like an answer, so limits must know of it.
        spent = self._spending.receive(request, unusable)
        self._writer.add_spent(spent)
        self._tally.count_answer(unusable, spent, is_usable=False)

    async def _give_up(
        self, key: str, error: LanguageModelError, attempt: int
    ) -> LanguageModelError:
        stored = self._writer.store(StoredFailure(key, self._model_name, error, attempt))
        # Not the error itself: its traceback holds the request and the whole reply.
        failure = LanguageModelError(error.kind, error.detail, status=error.status)
        self._failed[key] = failure
        if error.kind is FailureKind.REFUSED_KEY:
            raise InputError(
                f"the language model server refuses the key ({error})",
                remedy=f"set {' or '.join(KEY_VARIABLES)} to a valid key of an account in"
                " credit, then run the same command again to go on",
            ) from error
        try:
            self._outage.go_on(key, error)
        except InputError:
            # So many in a row tell of the server: a later process asks them all again.
            await stored
            self._journal.ask_again(self._outage.keys)
            raise
        return failure

    def _hand_over(self, item: Item, answer: ChatAnswer) -> asyncio.Future[None]:
        # Nothing may come between the answer and the writer, not even a cancellation: there is
        # no `await` on the way here, and the writer stores what it has whatever happens.
        spent = self._spending.receive(item.request, answer)
        stored = self._writer.store(
            StoredAnswer(
                item.key,
                item.request,
                self._model_name,
                answer,
                spent,
                spent.cost if self._spending.has_prices else None,
            )
        )
        self._tally.count_answer(answer, spent)
        return stored

    def _when_stored(
        self,
        stored: asyncio.Future[None],
        key: str,
        promise: asyncio.Future[_Outcome],
        answer: ChatAnswer,
    ) -> None:
        """Let a request by itself be counted once it is on the disk, while its worker goes on."""

        def count_it(done: asyncio.Future[None]) -> None:
            self._unstored.discard(done)
            self._has_room.set()
            is_stored = not done.cancelled() and done.exception() is None
            if is_stored:
                self._tally.count_done()
            self._keep(key, promise, answer if is_stored else None)

        self._unstored.add(stored)
        stored.add_done_callback(count_it)

    async def _limit_unstored(self) -> None:
        while len(self._unstored) >= _MOST_UNSTORED:
            self._has_room.clear()
            await self._has_room.wait()

    def _keep(self, key: str, promise: asyncio.Future[_Outcome], outcome: _Outcome) -> None:
        del self._under_way[key]
        if not promise.done():
            promise.set_result(outcome)
