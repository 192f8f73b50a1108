"""The journal: every answer of a language model, on the disk before anyone reads it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from syneg.llm.journal_file import open_journal_file, telling_plainly
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError

_KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalTotals:
    """What all the answers in a journal cost.

    Attributes:
        answers: How many answers there are.
        prompt_tokens: Tokens of their requests, as far as servers said.
        completion_tokens: Tokens of the answers, as far as servers said.
        seconds: Sum of their times; answers given side by side each count.
    """

    answers: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class Journal:
    """A file of answers, one for each request ever answered.

    Every answer is on the disk when `store` returns, so that killing the process (or the power)
    loses none that was paid for. Several processes may use one journal at once. Failures are
    kept apart and are never given out as answers. No key or header is ever stored.

    Args:
        path: The file, made when it is missing.

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
        # One connection for all threads, one thread at a time.
        self._lock = threading.RLock()
        self._connection = open_journal_file(path)

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
        with self._lock, telling_plainly(self.path):
            self._connection.close()

    def get(self, key: str) -> ChatAnswer | None:
        """Return the answer to the request with this key, or None if there is none.

        Args:
            key: `ChatRequest.key(model)`.
        """
        rows = self._run(
            "SELECT answer, finish, prompt_tokens, completion_tokens, seconds"
            " FROM answers WHERE key = ?",
            (key,),
        )
        if not rows:
            return None
        text, finish, prompt_tokens, completion_tokens, seconds = rows[0]
        return ChatAnswer(
            text=text,
            finish=finish,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            seconds=seconds,
        )

    def answered(self, keys: Iterable[str]) -> set[str]:
        """Return those of `keys` that have an answer."""
        found: set[str] = set()
        remaining = iter(keys)
        while some := tuple(islice(remaining, _KEYS_AT_ONCE)):
            marks = ",".join("?" * len(some))
            rows = self._run(f"SELECT key FROM answers WHERE key IN ({marks})", some)
            found.update(key for (key,) in rows)
        return found

    def store(self, request: ChatRequest, model: str, answer: ChatAnswer) -> None:
        """Put an answer on the disk.

        The first answer to a request stays: another process may have read it already.

        Args:
            request: What was asked.
            model: The name of the model that was asked.
            answer: What it answered.

        Raises:
            OSError: The disk is full or broken.
        """
        self._run(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO NOTHING",
            (
                request.key(model),
                model,
                _request_text(request),
                _storable(answer.text),
                answer.finish,
                answer.prompt_tokens,
                answer.completion_tokens,
                answer.seconds,
                _now(),
            ),
        )

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
        self._run(
            "INSERT INTO failures (key, model, kind, detail, status, attempt, time)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                request.key(model),
                model,
                error.kind.value,
                _storable(error.detail),
                error.status,
                attempt,
                _now(),
            ),
        )

    def failures(self) -> dict[FailureKind, int]:
        """Count the requests that failed and have no answer to this day, by their last failure."""
        rows = self._run(
            "SELECT kind, COUNT(*) FROM failures WHERE id IN"
            " (SELECT MAX(id) FROM failures WHERE key NOT IN (SELECT key FROM answers)"
            " GROUP BY key) GROUP BY kind ORDER BY kind"
        )
        return {FailureKind(kind): count for kind, count in rows}

    def totals(self) -> JournalTotals:
        """Return what all the answers cost."""
        rows = self._run(
            "SELECT COUNT(*), COALESCE(SUM(prompt_tokens), 0),"
            " COALESCE(SUM(completion_tokens), 0), COALESCE(SUM(seconds), 0.0) FROM answers"
        )
        answers, prompt_tokens, completion_tokens, seconds = rows[0]
        return JournalTotals(
            answers=answers,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            seconds=seconds,
        )

    def spent_seconds(self, task: str = "") -> float:
        """Return the seconds that all processes together have spent on a task."""
        rows = self._run("SELECT seconds FROM spent WHERE task = ?", (task,))
        return float(rows[0][0]) if rows else 0.0

    def add_spent_seconds(self, seconds: float, task: str = "") -> None:
        """Add to the seconds spent on a task, so that its budget outlives this process."""
        self._run(
            "INSERT INTO spent VALUES (?, ?)"
            " ON CONFLICT(task) DO UPDATE SET seconds = seconds + excluded.seconds",
            (task, seconds),
        )

    def _run(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        # Each statement is a transaction of its own: done, and on the disk, when it returns.
        with self._lock, telling_plainly(self.path):
            return self._connection.execute(statement, values).fetchall()


def _request_text(request: ChatRequest) -> str:
    value = {
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ],
        "schema": request.schema,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "sample": request.sample,
    }
    return _storable(json.dumps(value, ensure_ascii=False))


def _storable(text: str) -> str:
    # Models can cut a character in half (a lone surrogate), which no file takes; halves that
    # belong together are joined, a lone one becomes the replacement character.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
