"""The workers that take requests from one line and put the answers into the journal."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from itertools import count

from syneg.errors import InputError
from syneg.llm.address import KEY_VARIABLES
from syneg.llm.budget import TimeBudget
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest, FailureKind, LanguageModel, LanguageModelError
from syneg.llm.retries import Backoff, may_try_again
from syneg.llm.tally import Tally

# Failures that tell of the server and not of the request.
_OUTAGE = frozenset({FailureKind.UNREACHABLE, FailureKind.RATE_LIMIT})
_FEWEST_FAILURES = 50


class Outage:
    """Notices when going on is of no use because nothing is answered any more.

    Args:
        concurrency: How many requests are under way at once.
    """

    def __init__(self, concurrency: int) -> None:
        self._most_unreached = 2 * concurrency
        # Any one request may be bad, but so many in a row mean a wrong model or a sick server.
        self._most_failed = max(_FEWEST_FAILURES, 10 * concurrency)
        self._unreached = 0
        self._failed = 0

    def end(self) -> None:
        """Note that the server answered something."""
        self._unreached = self._failed = 0

    def go_on(self, error: LanguageModelError) -> None:
        """Note a request that failed for good.

        Raises:
            InputError: Too many failed one after another.
        """
        if error.kind is FailureKind.BAD_ANSWER:
            self.end()
            return
        self._failed += 1
        self._unreached = self._unreached + 1 if error.kind in _OUTAGE else 0
        if self._unreached >= self._most_unreached or self._failed >= self._most_failed:
            raise InputError(
                f"the language model server stopped answering: {self._failed} requests in a row"
                f" failed, the last with {error}",
                remedy="see to the server, then run the same command again to go on",
            )


class Crew:
    """What workers share; each runs `work`.

    Args:
        requests: What to ask, in order.
        model: Whom to ask.
        journal: Where answers and failures are kept.
        tally: Where they are counted.
        budget: How long requests may be begun.
        concurrency: How many workers there will be.
        attempts: Most attempts at one request, from 1.
        backoff: How long to wait between them.
    """

    def __init__(
        self,
        requests: Iterable[ChatRequest],
        model: LanguageModel,
        journal: Journal,
        *,
        tally: Tally,
        budget: TimeBudget,
        concurrency: int,
        attempts: int,
        backoff: Backoff,
    ) -> None:
        # One iterator for all workers: whoever is free takes the next request.
        self._line = iter(requests)
        self._model = model
        self._journal = journal
        self._tally = tally
        self._budget = budget
        self._attempts = attempts
        self._backoff = backoff
        self._outage = Outage(concurrency)
        # Draws waiting times only, which change no result.
        self._chance = random.Random()

    async def work(self) -> None:
        """Answer requests until there are none left or the budget has ended.

        Raises:
            InputError: The server refuses the key or stopped answering.
            OSError: The journal's disk is full or broken.
        """
        while not self._budget.has_ended:
            request = next(self._line, None)
            if request is None:
                return
            await self._answer(request)

    async def _answer(self, request: ChatRequest) -> None:
        for attempt in count(1):
            try:
                answer = await self._model.answer(request)
            except LanguageModelError as error:
                wait = self._backoff.seconds(error, attempt, self._chance)
                if not may_try_again(error, attempt, self._attempts) or (
                    wait >= self._budget.remaining
                ):
                    self._give_up(request, error, attempt)
                    return
                await asyncio.sleep(wait)
            else:
                # Nothing may come between the answer and the disk, not even a cancellation:
                # there is no `await` here.
                self._journal.store(request, self._model.name, answer)
                self._tally.count_answer(answer)
                self._outage.end()
                return

    def _give_up(self, request: ChatRequest, error: LanguageModelError, attempt: int) -> None:
        self._journal.store_failure(request, self._model.name, error, attempt)
        self._tally.count_failure(error.kind)
        if error.kind is FailureKind.REFUSED_KEY:
            raise InputError(
                f"the language model server refuses the key ({error})",
                remedy=f"set {' or '.join(KEY_VARIABLES)} to a valid key of an account in"
                " credit, then run the same command again to go on",
            ) from error
        self._outage.go_on(error)
