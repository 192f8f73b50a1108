"""Reading what the judge answered, and checking that its evidence stands in the text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from syneg.filters.judge_options import JudgeOptions
from syneg.filters.judge_prompt import JudgedText, JudgePrompt
from syneg.filters.words import words
from syneg.llm.parsing import parse_json_object
from syneg.llm.protocol import ChatAnswer
from syneg.llm.quoting import as_shown

# A quotation of a word or two stands in nearly every text.
_FEWEST_QUOTED = 3
_LEFT_OUT = re.compile(r"\[?(?:\u2026|\.\.\.)\]?")
_NO_EVIDENCE: tuple[list[str], ...] = ([], ["none"], ["null"], ["n", "a"])


class Outcome(IntEnum):
    """What became of one text that was to be judged."""

    NOT_ASKED = 0
    """There is no answer: the request failed or was not reached."""
    UNREADABLE = 1
    """The answer does not say it in the form asked for."""
    NO = 2
    """The text holds nothing of what the query asks for."""
    UNCERTAIN = 3
    """The evidence quoted does not stand in the text, or the samples do not agree."""
    PARTLY = 4
    """The text holds a piece of it."""
    ANSWERS = 5
    """The text holds what the query asks for."""

    @property
    def label(self) -> str:
        """The name as it stands in tables and reports."""
        return self.name.lower().replace("_", "-")


class Opinion(NamedTuple):
    """What one answer says of one text."""

    outcome: Outcome
    evidence: str


_GRADES = {"answers": Outcome.ANSWERS, "partly": Outcome.PARTLY, "no": Outcome.NO}
_UNREADABLE = Opinion(Outcome.UNREADABLE, "")


def read_opinions(
    answer: ChatAnswer, documents: Sequence[JudgedText], prompt: JudgePrompt
) -> list[Opinion]:
    """Return what an answer says of each document of its request.

    Args:
        answer: What the model wrote.
        documents: What it was asked about, in the order shown.
        prompt: What it was asked with.

    Returns:
        One opinion per document. What the answer does not tell, tells twice or tells in
        another form is unreadable; nothing is guessed.

    Example:
        >>> def said(text):
        ...     answer = ChatAnswer(text=text, finish="stop", prompt_tokens=None,
        ...                         completion_tokens=None, seconds=0.1)
        ...     sky = JudgedText("The sky", "Air scatters blue light most of all.")
        ...     return read_opinions(answer, [sky], JudgePrompt("answers it"))[0].outcome.label
        >>> said('{"evidence": "scatters BLUE light", "grade": "answers"}')
        'answers'
        >>> said('{"evidence": "the sea reflects the sky", "grade": "answers"}')
        'uncertain'
        >>> said("It is relevant.")
        'unreadable'
    """
    if answer.finish in ("length", "content_filter"):
        return [_UNREADABLE] * len(documents)
    try:
        content = parse_json_object(answer.text)
    except ValueError:
        return [_UNREADABLE] * len(documents)
    entries = _by_number(content.get("judgements")) if prompt.several else {1: content}
    return [
        _opinion(entries.get(number), document, prompt.options)
        for number, document in enumerate(documents, start=1)
    ]


def stands_in(quote: str, text: str) -> bool:
    """Tell whether a quotation stands in a text, whatever its case, spaces and punctuation.

    A quotation that leaves something out ("…") must stand there piece by piece. Pieces of
    fewer than three words are no evidence, unless they are the whole text.

    Example:
        >>> stands_in("Blue light … than red", "Air scatters blue light more than red light.")
        False
        >>> stands_in("AIR scatters blue", "Air scatters blue light more than red light.")
        True
    """
    whole = words(text)
    searched = f" {' '.join(whole)} "
    pieces = [words(one) for one in _LEFT_OUT.split(quote)]
    pieces = [one for one in pieces if one]
    fewest = min(_FEWEST_QUOTED, len(whole))
    return bool(pieces) and all(
        len(one) >= fewest and f" {' '.join(one)} " in searched for one in pieces
    )


def majority(opinions: Sequence[Opinion]) -> Opinion:
    """Return what more than half of the readable opinions say or exceed.

    Example:
        >>> three = [Opinion(one, "") for one in (Outcome.ANSWERS, Outcome.PARTLY, Outcome.NO)]
        >>> majority(three).outcome.label, majority(three[::2]).outcome.label
        ('partly', 'uncertain')
    """
    readable = [one for one in opinions if one.outcome > Outcome.UNREADABLE]
    if not readable:
        return opinions[0] if opinions else Opinion(Outcome.NOT_ASKED, "")
    for level in (Outcome.ANSWERS, Outcome.PARTLY):
        reaching = [one for one in readable if one.outcome >= level]
        if 2 * len(reaching) > len(readable):
            return Opinion(level, min(reaching, key=lambda one: one.outcome).evidence)
    denying = sum(one.outcome is Outcome.NO for one in readable)
    outcome = Outcome.NO if 2 * denying > len(readable) else Outcome.UNCERTAIN
    return Opinion(outcome, readable[0].evidence)


def settled(opinions: Sequence[Opinion], remaining: int) -> bool:
    """Tell whether so many more opinions cannot change what the majority says.

    Example:
        >>> settled([Opinion(Outcome.NO, "")] * 2, 1), settled([Opinion(Outcome.NO, "")], 2)
        (True, False)
    """
    if not any(one.outcome > Outcome.UNREADABLE for one in opinions):
        return remaining == 0
    now = majority(opinions).outcome
    # One-sided continuations bound all mixed ones.
    ends = (Outcome.ANSWERS, Outcome.NO, Outcome.UNCERTAIN)
    return all(
        majority([*opinions, *[Opinion(end, "")] * remaining]).outcome is now for end in ends
    )


def _by_number(judgements: object) -> dict[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    repeated: set[int] = set()
    for entry in judgements if isinstance(judgements, list) else []:
        number = _whole_number(entry.get("document")) if isinstance(entry, Mapping) else None
        if number is None:
            continue
        if number in found:
            repeated.add(number)
        found[number] = entry
    return {number: entry for number, entry in found.items() if number not in repeated}


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) else None


def _opinion(
    content: Mapping[str, Any] | None, document: JudgedText, options: JudgeOptions
) -> Opinion:
    if content is None:
        return _UNREADABLE
    grade, evidence = content.get("grade"), content.get("evidence")
    outcome = _GRADES.get(grade.strip().casefold()) if isinstance(grade, str) else None
    if outcome is None or not (evidence is None or isinstance(evidence, str)):
        return _UNREADABLE
    quote = _quote(evidence or "", options.evidence_characters)
    if outcome is not Outcome.NO:
        shown = (as_shown(part, options.document_words) for part in document)
        if not stands_in(quote, "\n".join(shown)):
            outcome = Outcome.UNCERTAIN
    return Opinion(outcome, quote)


def _quote(evidence: str, longest: int) -> str:
    if len(evidence) >= longest:
        # A server that enforces the schema ends the quotation in the middle of a word.
        evidence = evidence[:longest].rpartition(" ")[0]
    quote = " ".join(evidence.split())
    return "" if words(quote) in _NO_EVIDENCE else quote
