"""The line of work: read a little ahead, past everything that the journal knows already."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from syneg.llm.exchange import Exchange, SingleRequest
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.llm.seen import SeenKeys
from syneg.llm.tally import Tally

Work = ChatRequest | Exchange

# How much is read at once while everything read is answered already.
_MOST_AHEAD = 2048
# Reading ahead renders prompts; nothing else happens meanwhile, so it may not take long.
_LONGEST_READING_SECONDS = 0.02


@dataclass(slots=True)
class Item:
    """One piece of work, as far as it has come.

    Attributes:
        exchange: The work; None for a request by itself.
        request: The next request.
        key: Its key.
        answers: The answers so far, for an exchange.
    """

    exchange: Exchange | None
    request: ChatRequest
    key: str
    answers: list[ChatAnswer] = field(default_factory=list)

    def advance(self, answer: ChatAnswer, model_name: str) -> bool:
        """Take the answer to the next request; return whether another one follows."""
        if self.exchange is None:
            return False
        self.answers.append(answer)
        following = self.exchange.next_request(self.answers)
        if following is None:
            return False
        self.request, self.key = following, following.key(model_name)
        return True


class WorkLine:
    """Hands out the work that is still to be done, in order.

    Work is read when it is needed and dropped when it is done, so that any amount fits into
    memory. What the journal has answers to is passed over in large steps.

    Args:
        work: Requests and exchanges.
        journal: Tells what is answered, and what failed for good.
        model_name: Whose answers count.
        tally: Where what needs nothing more is counted.
        ahead: How many items are read at once while there is something to do, from 1.
        retry_failed: Whether to hand out also what failed for good in an earlier process.
    """

    def __init__(
        self,
        work: Iterable[Work],
        journal: Journal,
        model_name: str,
        *,
        tally: Tally,
        ahead: int,
        retry_failed: bool,
    ) -> None:
        self._work = iter(work)
        self._journal = journal
        self._model_name = model_name
        self._tally = tally
        self._ahead = self._step = ahead
        self._retry_failed = retry_failed
        self._ready: deque[Item] = deque()
        self._seen = SeenKeys()
        self._reading = asyncio.Lock()
        self.is_read = False
        # What the work itself raised while it was read.
        self.error: Exception | None = None

    async def next(self) -> Item | None:
        """Return the next piece of work to do, or None when there is no more."""
        while not self._ready:
            if self.is_read:
                return None
            async with self._reading:
                if not self._ready and not self.is_read:
                    self._read_or_stop()
            # Answers come in while a million answered requests are passed over.
            await asyncio.sleep(0)
        return self._ready.popleft()

    async def skip_answered(self, seconds: float) -> None:
        """Pass over answered work until there is something to do, or a time has passed."""
        end = time.monotonic() + seconds
        while not self._ready and not self.is_read and time.monotonic() < end:
            self._read_or_stop()
            await asyncio.sleep(0)

    def stop(self, error: Exception | None = None) -> None:
        """Hand out nothing more; what is under way may go on to its end.

        Args:
            error: What the work raised, if that is why.
        """
        self.is_read = True
        self.error = self.error or error
        self._ready.clear()

    def _read_or_stop(self) -> None:
        try:
            self._read_more()
        except Exception as error:  # noqa: BLE001 - raised again once those under way are done
            self.stop(error)

    def _read_more(self) -> None:
        chunk = self._read()
        plain = [one for one in chunk if isinstance(one, ChatRequest)]
        keys = [one.key(self._model_name) for one in plain]
        new = iter(zip(plain, keys, self._seen.add(keys), strict=True))
        items: list[Item] = []
        for one in chunk:
            if not isinstance(one, ChatRequest):
                items.extend(self._begun(one))
                continue
            request, key, is_new = next(new)
            if is_new:
                items.append(Item(None, request, key))
            else:
                self._tally.count_duplicate()
        waiting = self._without_failed(self._past_answered(items))
        self._ready.extend(waiting)
        self._step = self._ahead if waiting else min(_MOST_AHEAD, 2 * self._step)

    def _read(self) -> list[Work]:
        chunk: list[Work] = []
        end = time.monotonic() + _LONGEST_READING_SECONDS
        while len(chunk) < self._step:
            one = next(self._work, None)
            if one is None:
                self.is_read = True
                self._tally.count_read(len(chunk))
                self._tally.read_to_the_end()
                return chunk
            chunk.append(one.request if isinstance(one, SingleRequest) else one)
            if time.monotonic() > end:
                break
        self._tally.count_read(len(chunk))
        return chunk

    def _begun(self, exchange: Exchange) -> list[Item]:
        request = exchange.next_request(())
        if request is None:
            self._tally.count_answered_before()
            return []
        return [Item(exchange, request, request.key(self._model_name))]

    def _past_answered(self, items: Sequence[Item]) -> list[Item]:
        plain = self._journal.answered(one.key for one in items if one.exchange is None)
        ended = {id(one) for one in items if one.exchange is None and one.key in plain}
        # All exchanges go on together, by one answer at a time.
        moving = [one for one in items if one.exchange is not None]
        while moving:
            answers = self._journal.answers({one.key for one in moving})
            answered = [one for one in moving if one.key in answers]
            moving = []
            for one in answered:
                if one.advance(answers[one.key], self._model_name):
                    moving.append(one)
                else:
                    ended.add(id(one))
        self._tally.count_answered_before(len(ended))
        return [one for one in items if id(one) not in ended]

    def _without_failed(self, items: list[Item]) -> list[Item]:
        if self._retry_failed or not items:
            return items
        failed = self._journal.failed_for_good(one.key for one in items)
        for item in items:
            if item.key in failed:
                self._tally.count_failed_before(failed[item.key])
        return [one for one in items if one.key not in failed]
