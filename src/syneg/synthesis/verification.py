"""Reflection by calls of its own: a draft is judged, revised, and judged again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from syneg.llm.protocol import ChatAnswer
from syneg.synthesis.calls import Call, Question, Steps, ask_until_read
from syneg.synthesis.drafts import Draft, read_drafts, texts_in
from syneg.synthesis.forms import Reading, read_list, read_object, string_at
from syneg.synthesis.material import as_data
from syneg.synthesis.wording import REVISED, VERDICTS, Wording

NO_VERDICT = "the judgement says neither pass nor revise"


class Verdict(NamedTuple):
    """What a judge says of a draft."""

    passes: bool
    reason: str


def verified(call: Call, drafts: Sequence[Draft], wording: Wording) -> Steps[list[Draft]]:
    """Judge drafts, and revise and judge again those that fail, at most `verify_rounds` times.

    The judge sees query, positive and draft, and not what the author thought. What cannot be
    judged keeps its text without a check; what cannot be revised keeps its failing one.

    Args:
        call: What the drafts are about.
        drafts: The drafts; those without a text are passed over.
        wording: The prompts.

    Returns:
        The drafts as they are in the end, each with its last judgement and how often it was
        revised.
    """
    current = [one if one.text is None else replace(one, rounds=0, check=None) for one in drafts]
    waiting = [place for place, one in enumerate(current) if one.text is not None]
    most = wording.options.verify_rounds
    for revised in range(most + 1):
        verdicts = yield from _judge(call, [current[place] for place in waiting], wording, revised)
        for place, verdict in zip(waiting, verdicts, strict=True):
            if verdict is not None:
                word = "pass" if verdict.passes else "fail"
                check = f"{word}: {verdict.reason}" if verdict.reason else word
                current[place] = replace(current[place], check=check)
        waiting = [
            place
            for place, verdict in zip(waiting, verdicts, strict=True)
            if verdict is not None and not verdict.passes
        ]
        if not waiting or revised == most:
            break
        failing = [current[place] for place in waiting]
        anew = yield from _revise(call, failing, wording, revised)
        for place, draft in zip(waiting, anew, strict=True):
            if draft.text is not None:
                current[place] = draft
        waiting = [
            place for place, draft in zip(waiting, anew, strict=True) if draft.text is not None
        ]
        if not waiting:
            break
    return current


def _judge(
    call: Call, drafts: Sequence[Draft], wording: Wording, part: int
) -> Steps[Sequence[Verdict | None]]:
    if not drafts:
        return []
    options = wording.options
    question = Question(
        step="verify",
        messages=wording.messages("verify", call, drafts=_shown(drafts, wording)),
        schema=wording.verdict_schema(len(drafts)),
        # A judgement is to be the likeliest one, not a lively one.
        temperature=0.0,
        max_tokens=options.max_tokens * len(drafts),
        tries=options.tries,
        part=part,
    )
    replied = yield from ask_until_read(
        call, question, partial(_read_verdicts, count=len(drafts)), worth=_verdicts_in
    )
    return replied.reading.value or [None] * len(drafts)


def _revise(call: Call, drafts: Sequence[Draft], wording: Wording, part: int) -> Steps[list[Draft]]:
    options = wording.options
    question = Question(
        step="revise",
        messages=wording.messages("revise", call, drafts=_shown(drafts, wording)),
        schema=wording.revision_schema(len(drafts)),
        temperature=options.temperature,
        max_tokens=options.max_tokens * len(drafts),
        tries=options.tries,
        part=part,
    )
    read = partial(read_drafts, system=question.messages.system, count=len(drafts), key=REVISED)
    replied = yield from ask_until_read(call, question, read, worth=texts_in)
    # Reading always yields as many drafts as were asked for.
    anew = replied.reading.value or []
    return [
        replace(
            old,
            title=new.title if call.positive.title else "",
            text=new.text,
            check=None,
            request=replied.request,
            rounds=part + 1,
        )
        for old, new in zip(drafts, anew, strict=True)
    ]


def _shown(drafts: Sequence[Draft], wording: Wording) -> list[dict[str, Any]]:
    cap = wording.options.longest_words * 3
    return [
        {
            "title": as_data(one.title, cap),
            "text": as_data(one.text or "", cap),
            "requirement": as_data(one.requirement or "", cap),
            "difficulty": one.difficulty,
            "meaning": wording.options.levels.get(one.difficulty or "", ""),
            "finding": as_data(one.check or "", cap),
        }
        for one in drafts
    ]


def _read_verdicts(answer: ChatAnswer, count: int) -> Reading[list[Verdict | None]]:
    found = read_object(answer)
    if found.value is None:
        return Reading(None, found.problem, found.mendable)
    verdicts = [_verdict(one) for one in read_list(found.value, VERDICTS)[:count]]
    verdicts += [None] * (count - len(verdicts))
    return Reading(verdicts, NO_VERDICT if None in verdicts else None)


def _verdict(content: dict[str, Any]) -> Verdict | None:
    word = string_at(content, "verdict").lower()
    if word.startswith(("pass", "revise", "fail")):
        return Verdict(word.startswith("pass"), string_at(content, "reason"))
    return None


def _verdicts_in(verdicts: Sequence[Verdict | None]) -> int:
    return sum(one is not None for one in verdicts)
