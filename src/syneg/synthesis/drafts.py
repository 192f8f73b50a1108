"""Texts that a model wrote: read from an answer, and refused where they are no texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.synthesis.forms import NO_TEXT, Reading, read_list, read_object, string_at
from syneg.synthesis.material import holds_tag

TOO_FEW = "the answer has fewer texts than were asked for"
REPEATS_PROMPT = "the text repeats the prompt"

_RUN = 8
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One text that a call wrote, or why there is none.

    Attributes:
        title: Its title, which may be empty.
        text: The text; None where there is none.
        reasoning: What the model wrote before it.
        check: The last judgement of the text, by the model itself or by a call of its own; it
            begins with "pass" or "fail" where the model kept to the form.
        problem: Why there is no text.
        request: The request whose answer holds the text.
        difficulty: The level of difficulty asked for.
        requirement: The requirement that was to be broken.
        rewritten_from: The document that was rewritten.
        rounds: How often the text was revised after a judgement; None without judgements.
    """

    title: str = ""
    text: str | None = None
    reasoning: str | None = None
    check: str | None = None
    problem: str | None = None
    request: ChatRequest | None = None
    difficulty: str | None = None
    requirement: str | None = None
    rewritten_from: str | None = None
    rounds: int | None = None


def read_drafts(
    answer: ChatAnswer, system: str, *, count: int = 1, key: str = "", levels: Sequence[str] = ()
) -> Reading[list[Draft]]:
    """Return the texts of an answer, whole only where all that were asked for are there.

    Args:
        answer: The answer.
        system: The system message it answers; a text that repeats it is refused.
        count: How many texts were asked for.
        key: Where a list of them stands.
        levels: The levels of difficulty, where they are told apart so.

    Example:
        >>> one = ChatAnswer(text='{"title": "A", "text": " B  c "}', finish="stop",
        ...                  prompt_tokens=None, completion_tokens=None, seconds=0.1)
        >>> read_drafts(one, "Write.").value[0].text
        'B c'
    """
    found = read_object(answer)
    if found.value is None:
        problem = found.problem
        named: list[str | None] = [*levels] or [None] * count
        absent = [Draft(problem=problem, difficulty=one) for one in named]
        return Reading(absent, problem, found.mendable)
    if levels:
        content = found.value
        entries: list[Any] = [content.get(level) for level in levels]
        drafts = [
            _draft(entry if isinstance(entry, dict) else {}, system, level)
            for entry, level in zip(entries, levels, strict=True)
        ]
    else:
        drafts = [_draft(one, system) for one in read_list(found.value, key)[:count]]
        drafts += [Draft(problem=TOO_FEW)] * (count - len(drafts))
    problem = next((one.problem for one in drafts if one.problem), None)
    return Reading(drafts, problem)


def texts_in(drafts: Sequence[Draft]) -> int:
    """Return how many of some drafts have a text."""
    return sum(one.text is not None for one in drafts)


def _draft(content: dict[str, Any], system: str, difficulty: str | None = None) -> Draft:
    text = string_at(content, "text")
    title = string_at(content, "title")
    problem = None
    if not _WORD.search(text):
        # Small models copy the form, "..." and all.
        problem = NO_TEXT
    elif repeats_prompt(f"{title} {text}", system):
        problem = REPEATS_PROMPT
    return Draft(
        title="" if problem else title,
        text=None if problem else text,
        reasoning=string_at(content, "reasoning") or None,
        check=string_at(content, "check") or None,
        problem=problem,
        difficulty=difficulty,
    )


def repeats_prompt(text: str, system: str) -> bool:
    """Tell whether a text holds our tags, or a third of its runs of eight words are the prompt's.

    Documents may ask the model to say what it was told, and small models repeat it unasked.

    Example:
        >>> repeats_prompt("You write training data for a search engine.",
        ...                "You write training data for a search engine. Each request …")
        True
        >>> repeats_prompt("Air scatters blue light.", "You write training data.")
        False
    """
    if holds_tag(text):
        return True
    own = _runs(text)
    return bool(own) and len(own & _prompt_runs(system)) * 3 > len(own)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return frozenset(tuple(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1))


@lru_cache(maxsize=64)
def _prompt_runs(system: str) -> frozenset[tuple[str, ...]]:
    return _runs(system)
