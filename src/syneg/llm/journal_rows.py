"""What the journal keeps of an answer or a failure, as rows of its tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from syneg.llm.journal_format import text_id
from syneg.llm.keys import schema_text
from syneg.llm.prices import SPENT_NAMES, Spent, believable
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError
from syneg.llm.retries import asking_again_is_of_no_use

INSERT_TEXT = "INSERT OR IGNORE INTO texts VALUES (?, ?)"
# The first answer to a request stays: another process may have read it already.
INSERT_ANSWER = (
    "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO NOTHING"
)
INSERT_FAILURE = (
    "INSERT INTO failures (key, model, kind, detail, status, attempt, lasting, time)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
ADD_SPENT = (
    f"INSERT INTO spent (task, {', '.join(SPENT_NAMES)})"
    f" VALUES (?{', ?' * len(SPENT_NAMES)}) ON CONFLICT(task) DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in SPENT_NAMES)
)
READ_SPENT = f"SELECT {', '.join(SPENT_NAMES)} FROM spent WHERE task = ?"
ANSWER_COLUMNS = "answer, finish, prompt_tokens, completion_tokens, seconds"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer on its way into the journal.

    Attributes:
        key: The request's key.
        request: What was asked.
        model: The model's name.
        answer: What it answered.
        spent: What it took, counted to a task; None to count it to none.
        cost: Its price in US dollars; None where no prices are known.
    """

    key: str
    request: ChatRequest
    model: str
    answer: ChatAnswer
    spent: Spent | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class StoredFailure:
    """A failure on its way into the journal.

    Attributes:
        key: The request's key.
        model: The model's name.
        error: What went wrong last.
        attempt: How often the request was asked, from 1.
    """

    key: str
    model: str
    error: LanguageModelError
    attempt: int


@dataclass(frozen=True, slots=True)
class Failures:
    """Requests that failed in the same way.

    Attributes:
        count: How many there are.
        example: What the server said to one of them.

    Example:
        >>> Failures(2, "too long").and_one_more("bad").count
        3
    """

    count: int
    example: str

    def and_one_more(self, example: str) -> Failures:
        """Return the same with one more; the first example stays."""
        return replace(self, count=self.count + 1, example=self.example or example)


@dataclass(frozen=True, slots=True)
class FailedBefore:
    """The last failure of a request that no later process need ask again.

    Attributes:
        kind: The sort of failure.
        detail: What the server said.
    """

    kind: FailureKind
    detail: str


def shared_texts(entry: StoredAnswer) -> Iterator[tuple[int, str]]:
    """Yield the texts that a request shares with others, with their numbers."""
    for text in (entry.request.system, _schema(entry.request)):
        if text is not None:
            yield _shared(text)


def answer_row(entry: StoredAnswer, time: str) -> tuple[Any, ...]:
    """Return an answer as a row of `answers`."""
    request, answer = entry.request, entry.answer
    schema = _schema(request)
    return (
        entry.key,
        storable(entry.model),
        _shared(request.system)[0],
        None if schema is None else _shared(schema)[0],
        storable(request.user),
        _settings(request.temperature, request.max_tokens, request.seed, request.sample),
        storable(answer.text),
        storable(answer.finish),
        believable(answer.prompt_tokens),
        believable(answer.completion_tokens),
        answer.seconds if math.isfinite(answer.seconds) else 0.0,
        entry.cost,
        time,
    )


def failure_row(entry: StoredFailure, time: str) -> tuple[Any, ...]:
    """Return a failure as a row of `failures`."""
    error = entry.error
    return (
        entry.key,
        storable(entry.model),
        error.kind.value,
        storable(error.detail),
        error.status,
        entry.attempt,
        int(asking_again_is_of_no_use(error.kind, error.status)),
        time,
    )


def answer_from(row: tuple[Any, ...]) -> ChatAnswer:
    """Return the answer in a row of `ANSWER_COLUMNS`."""
    text, finish, prompt_tokens, completion_tokens, seconds = row
    return ChatAnswer(
        text=text,
        finish=finish,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        seconds=seconds,
    )


def storable(text: str) -> str:
    r"""Return a text as a file takes it.

    Models can cut a character in half (a lone surrogate), which no file takes; halves that
    belong together are joined, a lone one becomes the replacement character.

    Example:
        >>> storable("half a \ud83d")
        'half a �'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def now() -> str:
    """Return the time as the journal writes it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@lru_cache(maxsize=256)
def _shared(text: str) -> tuple[int, str]:
    text = storable(text)
    number = text_id(text)
    assert number is not None
    return number, text


@lru_cache(maxsize=256)
def _settings(temperature: float, max_tokens: int, seed: int, sample: int) -> str:
    value = {
        "temperature": temperature,
        "max_tokens": max_tokens,
        "seed": seed,
        "sample": sample,
    }
    return json.dumps(value)


def _schema(request: ChatRequest) -> str | None:
    return None if request.schema is None else schema_text(request.schema)
