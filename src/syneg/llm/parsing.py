"""Finding the JSON in what a chat model wrote around it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeVar

from syneg.llm.mending import CutOffError, read_relaxed
from syneg.llm.thoughts import without_thoughts

Wanted = TypeVar("Wanted", dict[str, Any], list[Any])

# Brackets that can open JSON: prose with a lone one is passed over.
_OPENING = {
    dict: re.compile(r"""\{\s*["'}]"""),
    list: re.compile(r"""\[\s*["'{\[\]]"""),
}
# What matters for balance: strings as a whole (also one that never ends) and the brackets.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[{}\[\]]', re.DOTALL)
_LOOKS_CUT_OFF = re.compile(r"""[{\[]\s*'[^']*'\s*[:,]""")
_CUT_OFF = "cut off"
# Every attempt at mending may read far ahead: hostile text gets only so many.
_MOST_MENDED = 64


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Not strict: models put raw line breaks into strings, and what they mean is plain.
_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)


def parse_json_object(text: str) -> dict[str, Any]:
    r"""Return the first JSON object in a chat model's answer.

    What stands around the object is passed over: a thought in tags or in a channel of its own,
    a code fence, prose before and after. Only misspellings that leave one meaning are mended
    (`read_relaxed`): an object that was cut off stays an error, because its last field would be
    half of what the model meant to write.

    Args:
        text: The answer as it came.

    Returns:
        The object.

    Raises:
        ValueError: There is none. The text is a short reason: "cut off" (the answer ends
            inside the object or the thought), "not an object" (other JSON), "no JSON object".

    Example:
        >>> parse_json_object('Here it is:\n```json\n{"title": "A", "text": "B"}\n```')
        {'title': 'A', 'text': 'B'}
        >>> parse_json_object("<thinking>Short.</thinking> {'title': 'A',}")
        {'title': 'A'}
        >>> parse_json_object('{"title": "A", "te')
        Traceback (most recent call last):
        ...
        ValueError: cut off
    """
    return _parsed(text, dict, "object")


def parse_json_array(text: str) -> list[Any]:
    r"""Return the first JSON array in a chat model's answer, found as `parse_json_object` does.

    A list of bare numbers is not looked for within prose, where it may be a reference.

    Args:
        text: The answer as it came.

    Raises:
        ValueError: There is none: "cut off", "not an array", "no JSON array".

    Example:
        >>> parse_json_array('As in [1]:\n```\n[{"text": "A"}, {"text": "B"}]\n```')
        [{'text': 'A'}, {'text': 'B'}]
    """
    return _parsed(text, list, "array")


_NOTHING: Any = object()


def _parsed(text: str, wanted: type[Wanted], name: str) -> Wanted:
    whole = _decoded(text.strip())
    if isinstance(whole, wanted):
        return whole
    if whole is not _NOTHING:
        raise ValueError(f"not an {name}")
    found = _first(without_thoughts(text), wanted)
    if found is None:
        raise ValueError(f"no JSON {name}")
    return found


def _decoded(text: str) -> Any:
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return _NOTHING
    return value if end == len(text) else _NOTHING


def _first(text: str, wanted: type[Wanted]) -> Wanted | None:
    position, mended = 0, 0
    while opening := _OPENING[wanted].search(text, position):
        start = opening.start()
        if opening[0].endswith("'"):
            end = None
        else:
            end = _end_of_value(text, start)
            if end is None:
                raise ValueError(_CUT_OFF)
            value = _decoded(text[start:end])
            if isinstance(value, wanted):
                return value
        if mended < _MOST_MENDED:
            mended += 1
            value = _mended(text, start, end)
            if isinstance(value, wanted):
                return value
        # Objects inside a broken one are no answer: go on behind all of it.
        position = start + 1 if end is None else end
    return None


def _mended(text: str, start: int, end: int | None) -> Any:
    # Up to the end where it is known: a string in single quotes may hold a lone bracket.
    try:
        return read_relaxed(text if end is None else text[:end], start)[0]
    except CutOffError:
        if end is None and _LOOKS_CUT_OFF.match(text, start):
            raise ValueError(_CUT_OFF) from None
        return _NOTHING
    except ValueError:
        return _NOTHING


def _end_of_value(text: str, start: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
            if depth == 0:
                return token.end()
    return None
