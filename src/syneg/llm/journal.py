"""The journal: every answer of a language model, on the disk before anyone reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from syneg.llm import journal_rows as rows
from syneg.llm.journal_connections import JournalConnections
from syneg.llm.journal_reports import (
    Figures,
    JournalTotals,
    read_failures,
    read_figures,
    read_totals,
)
from syneg.llm.journal_rows import FailedBefore, Failures, StoredAnswer, StoredFailure
from syneg.llm.prices import SPENT_NAMES, Spent
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError

__all__ = ["Journal", "JournalTotals"]

# Texts known to be in the file, so that none is handed to it a thousand times.
_MOST_KNOWN_TEXTS = 10_000


class Journal:
    """A file of answers, one for each request ever answered.

    Every answer is on the disk when `store` returns, so that killing the process (or the power)
    loses none that was paid for. Several processes, and several threads, may use one journal at
    once. Failures are kept apart and are never given out as answers. No key of a server and no
    header is ever stored.

    Args:
        path: The file, made when it is missing. One that an earlier version wrote is brought
            up to date where it is.

    Raises:
        InputError: The file is no journal or cannot be opened.
        OSError: The disk is full or broken.

    Example:
        >>> import tempfile
        >>> request = ChatRequest(system="s", user="u")
        >>> with Journal(Path(tempfile.mkdtemp()) / "journal.sqlite") as journal:
        ...     answer = ChatAnswer(text="hello", finish="stop", prompt_tokens=4,
        ...                         completion_tokens=1, seconds=0.5)
        ...     journal.store(request, "small", answer)
        ...     journal.get(request.key("small")).text
        'hello'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = JournalConnections(path)
        self._known_texts: set[int] = set()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        self._file.close()

    def get(self, key: str) -> ChatAnswer | None:
        """Return the answer to the request with this key, or None if there is none.

        Args:
            key: `ChatRequest.key(model)`.
        """
        found = self._file.read(f"SELECT {rows.ANSWER_COLUMNS} FROM answers WHERE key = ?", (key,))
        return rows.answer_from(found[0]) if found else None

    def answers(self, keys: Iterable[str]) -> dict[str, ChatAnswer]:
        """Return the answers of those of `keys` that have one."""
        columns = f"key, {rows.ANSWER_COLUMNS}"
        return {
            row[0]: rows.answer_from(row[1:])
            for row in self._file.rows_of(f"SELECT {columns} FROM answers WHERE key IN", keys)
        }

    def answered(self, keys: Iterable[str]) -> set[str]:
        """Return those of `keys` that have an answer."""
        return {key for (key,) in self._file.rows_of("SELECT key FROM answers WHERE key IN", keys)}

    def failed_for_good(self, keys: Iterable[str]) -> dict[str, FailedBefore]:
        """Return the last failures of those of `keys` that need not be asked again.

        Args:
            keys: Keys of requests without an answer.

        Returns:
            By key: what the server said to those whose last failure was of a sort that asking
            again does not mend.
        """
        found = self._file.rows_of(
            "SELECT key, kind, detail, lasting, MAX(id) FROM failures WHERE key IN",
            keys,
            " GROUP BY key",
        )
        return {
            key: FailedBefore(FailureKind(kind), detail)
            for key, kind, detail, lasting, _ in found
            if lasting
        }

    def store(
        self, request: ChatRequest, model: str, answer: ChatAnswer, *, cost: float | None = None
    ) -> None:
        """Put an answer on the disk.

        The first answer to a request stays: another process may have read it already.

        Args:
            request: What was asked.
            model: The name of the model that was asked.
            answer: What it answered.
            cost: Its price in US dollars, if known.

        Raises:
            OSError: The disk is full or broken.
        """
        self.write([StoredAnswer(request.key(model), request, model, answer, cost=cost)])

    def store_failure(
        self, request: ChatRequest, model: str, error: LanguageModelError, attempt: int
    ) -> None:
        """Note that a request got no answer.

        Args:
            request: What was asked.
            model: The name of the model that was asked.
            error: What went wrong.
            attempt: How often it was asked, from 1.

        Raises:
            OSError: The disk is full or broken.
        """
        self.write([StoredFailure(request.key(model), model, error, attempt)])

    def write(
        self,
        entries: Sequence[StoredAnswer | StoredFailure],
        *,
        task: str = "",
        seconds: float = 0.0,
        lost: Spent | None = None,
    ) -> Spent:
        """Put many answers and failures on the disk at once: all of them, or none.

        Args:
            entries: What to store, in order.
            task: The task to which what they took is counted.
            seconds: Seconds to add to those spent on the task.
            lost: What was spent on the task without coming to an answer, to be added too.

        Returns:
            What all processes together have spent on the task until now.

        Raises:
            OSError: The disk is full or broken.
        """
        time = rows.now()
        answers = [one for one in entries if isinstance(one, StoredAnswer)]
        failures = [one for one in entries if isinstance(one, StoredFailure)]
        spent = Spent(seconds=seconds) + (lost or Spent())
        spent = sum((one.spent for one in answers if one.spent), spent)
        texts = dict(text for one in answers for text in rows.shared_texts(one))
        new_texts = [text for text in texts.items() if text[0] not in self._known_texts]
        with self._file.transaction() as connection:
            connection.executemany(rows.INSERT_TEXT, new_texts)
            connection.executemany(
                rows.INSERT_ANSWER, [rows.answer_row(one, time) for one in answers]
            )
            connection.executemany(
                rows.INSERT_FAILURE, [rows.failure_row(one, time) for one in failures]
            )
            if spent != Spent():
                values = (getattr(spent, name) for name in SPENT_NAMES)
                connection.execute(rows.ADD_SPENT, (task, *values))
            total = connection.execute(rows.READ_SPENT, (task,)).fetchone()
        if len(self._known_texts) > _MOST_KNOWN_TEXTS:
            self._known_texts.clear()
        self._known_texts.update(texts)
        return _spent(total)

    def ask_again(self, keys: Iterable[str]) -> None:
        """Let failures count as passing: what failed was not the requests but the server.

        Args:
            keys: Keys of requests that failed.
        """
        with self._file.transaction() as connection:
            connection.executemany(
                "UPDATE failures SET lasting = 0 WHERE key = ?", [(key,) for key in keys]
            )

    def failures(self) -> dict[FailureKind, Failures]:
        """Count the requests that failed and have no answer to this day, by their last failure.

        Returns:
            By kind: how many there are, and what the server said to the last of them.
        """
        return read_failures(self._file.read)

    def totals(self) -> JournalTotals:
        """Return what all the answers cost."""
        return read_totals(self._file.read)

    def figures(self, model: str, system: str | None = None) -> Figures:
        """Return what the answers of a model were like, for estimates of those to come.

        Args:
            model: The model's name.
            system: Only answers to requests with this system message; None for all.
        """
        return read_figures(self._file.read, model, system)

    def spent(self, task: str = "") -> Spent:
        """Return what all processes together have spent on a task."""
        found = self._file.read(rows.READ_SPENT, (task,))
        return _spent(found[0] if found else None)

    def spent_seconds(self, task: str = "") -> float:
        """Return the seconds that all processes together have spent on a task."""
        return self.spent(task).seconds

    def add_spent_seconds(self, seconds: float, task: str = "") -> None:
        """Add to the seconds spent on a task, so that its budget outlives this process."""
        self.write([], task=task, seconds=seconds)


def _spent(row: tuple[Any, ...] | None) -> Spent:
    return Spent() if row is None else Spent(**dict(zip(SPENT_NAMES, row, strict=True)))
