"""Putting answers into the journal while more are under way: many in one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType

from syneg.llm.journal import Journal
from syneg.llm.journal_rows import StoredAnswer, StoredFailure
from syneg.llm.prices import Spent

# A transaction of so many answers takes some ten milliseconds.
_MOST_AT_ONCE = 1000
_NOTHING = Spent()


@dataclass(frozen=True, slots=True)
class _Item:
    entry: StoredAnswer | StoredFailure | None
    spent: Spent
    stored: asyncio.Future[None] | None


class JournalWriter:
    """A thread that stores what comes, all that has come meanwhile in one transaction.

    Waiting for the disk takes milliseconds; one wait serves all answers of that time. What was
    handed over is stored even if nobody waits for it any more, also when the block is left by
    an exception. Use it in a `with` block inside a running event loop.

    Args:
        journal: Where to store.
        task: The task to which what answers take is counted.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from syneg.llm.protocol import ChatAnswer, ChatRequest
        >>> async def stored() -> int:
        ...     request = ChatRequest(system="s", user="u")
        ...     answer = ChatAnswer(text="a", finish="stop", prompt_tokens=1,
        ...                         completion_tokens=1, seconds=0.1)
        ...     with Journal(Path(tempfile.mkdtemp()) / "journal.sqlite") as journal:
        ...         with JournalWriter(journal, "judge") as writer:
        ...             await writer.store(StoredAnswer(request.key("m"), request, "m", answer))
        ...         return journal.totals().answers
        >>> asyncio.run(stored())
        1
    """

    def __init__(self, journal: Journal, task: str) -> None:
        self._journal = journal
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal")
        self._own = Spent()
        self._before = journal.spent(task)
        # What other processes have spent, and all earlier ones.
        self.spent_by_others = self._before
        # What went wrong, once something did.
        self.error: Exception | None = None

    def __enter__(self) -> JournalWriter:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        try:
            self._thread.join()
        except BaseException:
            # Interrupted once more: what was paid for goes to the disk before all else.
            self._thread.join()
            raise
        # Another error is on its way already, and the better one to tell.
        if error is None and self.error is not None:
            raise self.error

    def store(self, entry: StoredAnswer | StoredFailure) -> asyncio.Future[None]:
        """Hand over an answer or a failure.

        Args:
            entry: What to store.

        Returns:
            Done when it is on the disk. Whoever waits for it may be cancelled: it is stored
            all the same. Raises OSError when the disk is full or broken.
        """
        stored: asyncio.Future[None] = self._loop.create_future()
        # An error is told by `error` too; asyncio need not complain that nobody looked here.
        stored.add_done_callback(_look_at)
        self._queue.put(_Item(entry, _NOTHING, stored))
        return stored

    def add_spent(self, spent: Spent) -> None:
        """Hand over what was spent on the task beside the answers; it is stored soon."""
        self._queue.put(_Item(None, spent, None))

    def add_seconds(self, seconds: float) -> None:
        """Hand over seconds spent on the task; they are stored soon."""
        self.add_spent(Spent(seconds=seconds))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            batch, is_last = self._with_what_waits(item)
            problem: Exception | None = None
            try:
                self._write(batch)
            except Exception as error:  # noqa: BLE001 - told to all who wait, in their thread
                problem = error
                self.error = self.error or error
            self._loop.call_soon_threadsafe(_tell, batch, problem)
            if is_last:
                return

    def _with_what_waits(self, first: _Item) -> tuple[list[_Item], bool]:
        batch = [first]
        while len(batch) < _MOST_AT_ONCE:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
        return batch, False

    def _write(self, batch: Sequence[_Item]) -> None:
        entries = [item.entry for item in batch if item.entry is not None]
        beside = sum((item.spent for item in batch if item.entry is None), _NOTHING)
        total = self._journal.write(entries, task=self._task, lost=beside)
        mine = (one.spent for one in entries if isinstance(one, StoredAnswer) and one.spent)
        self._own += sum(mine, beside)
        self.spent_by_others = total - self._own


def _look_at(stored: asyncio.Future[None]) -> None:
    if not stored.cancelled():
        stored.exception()


def _tell(batch: Sequence[_Item], error: Exception | None) -> None:
    for item in batch:
        if item.stored is None or item.stored.done():
            continue  # nobody waits any more
        if error is None:
            item.stored.set_result(None)
        else:
            item.stored.set_exception(error)
