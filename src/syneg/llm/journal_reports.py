"""What a journal tells of all its rows together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from syneg.llm.journal_format import text_id
from syneg.llm.journal_rows import Failures, storable
from syneg.llm.protocol import FailureKind

_Read = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]
# So many of the last answers tell what the next ones will be like.
_MOST_FIGURES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalTotals:
    """What all the answers in a journal cost.

    Attributes:
        answers: How many answers there are.
        prompt_tokens: Tokens of their requests, as far as servers said.
        completion_tokens: Tokens of the answers, as far as servers said.
        seconds: Sum of their times; answers given side by side each count.
        cost: Their price in US dollars, as far as it was known.
    """

    answers: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the last answers of a model were like, at most a thousand of them.

    Attributes:
        answers: How many answers this is about.
        tokens_per_character: Tokens of a request by character of its messages, as the server
            counted; None if it never did.
        completion_tokens: Mean tokens of an answer, as the server counted; None if it never did.
        seconds: Mean seconds of an answer; None without answers.
    """

    answers: int
    tokens_per_character: float | None
    completion_tokens: float | None
    seconds: float | None


def read_totals(read: _Read) -> JournalTotals:
    """Return what all the answers cost; see `Journal.totals`."""
    rows = read(
        "SELECT COUNT(*), COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0),"
        " COALESCE(SUM(seconds), 0.0), COALESCE(SUM(cost), 0.0) FROM answers",
        (),
    )
    answers, prompt_tokens, completion_tokens, seconds, cost = rows[0]
    return JournalTotals(
        answers=answers,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        seconds=seconds,
        cost=cost,
    )


def read_failures(read: _Read) -> dict[FailureKind, Failures]:
    """Count the requests that failed and have no answer; see `Journal.failures`."""
    rows = read(
        "SELECT kind, COUNT(*), detail, MAX(id) FROM failures WHERE id IN"
        " (SELECT MAX(id) FROM failures WHERE NOT EXISTS"
        " (SELECT 1 FROM answers WHERE answers.key = failures.key) GROUP BY key)"
        " GROUP BY kind ORDER BY kind",
        (),
    )
    return {FailureKind(kind): Failures(count, detail) for kind, count, detail, _ in rows}


def read_figures(read: _Read, model: str, system: str | None) -> Figures:
    """Return what the last answers were like; see `Journal.figures`."""
    if system is None:
        # The last rows of the file: a journal is as a rule of one model.
        condition, values = "model = ?", (storable(model),)
    else:
        condition = "system = ? AND model = ?"
        values = (text_id(storable(system)), storable(model))  # type: ignore[assignment]
    rows = read(
        "SELECT COUNT(*), SUM(prompt_tokens), SUM(characters) FILTER (WHERE prompt_tokens > 0),"
        " AVG(completion_tokens), AVG(seconds) FROM (SELECT prompt_tokens, completion_tokens,"
        " seconds, length(user) + COALESCE((SELECT length(text) FROM texts WHERE id = system), 0)"
        f" AS characters FROM answers WHERE {condition} ORDER BY rowid DESC LIMIT ?)",
        (*values, _MOST_FIGURES),
    )
    answers, prompt_tokens, characters, completion_tokens, seconds = rows[0]
    return Figures(
        answers=answers,
        tokens_per_character=prompt_tokens / characters if prompt_tokens and characters else None,
        completion_tokens=completion_tokens,
        seconds=seconds,
    )
