"""Finding the JSON object in what a chat model wrote around it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

_THOUGHT_START = "<think>"
_THOUGHT_END = "</think>"
# A brace that can open a JSON object: prose with a lone brace is passed over.
_OPENING = re.compile(r'\{\s*["}]')
# What matters for balance: strings as a whole (also one that never ends) and the brackets.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[{}\[\]]', re.DOTALL)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Not strict: models put raw line breaks into strings, and what they mean is plain.
_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)


def parse_json_object(text: str) -> dict[str, Any]:
    r"""Return the first JSON object in a chat model's answer.

    What stands around the object is passed over: a thought in `<think>` tags, a code fence,
    prose before and after. Nothing is mended: an object that was cut off stays an error,
    because its last field would be half of what the model meant to write.

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
        >>> parse_json_object('{"title": "A", "te')
        Traceback (most recent call last):
        ...
        ValueError: cut off
    """
    whole = _decoded(text.strip())
    if isinstance(whole, dict):
        return whole
    if whole is not _NOTHING:
        raise ValueError("not an object")
    return _first_object(_without_thought(text))


_NOTHING: Any = object()


def _decoded(text: str) -> Any:
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return _NOTHING
    return value if end == len(text) else _NOTHING


def _without_thought(text: str) -> str:
    _, found, after = text.rpartition(_THOUGHT_END)
    if found and _OPENING.search(after):
        return after
    if not found and text.lstrip().startswith(_THOUGHT_START):
        raise ValueError("cut off")
    return text


def _first_object(text: str) -> dict[str, Any]:
    position = 0
    while opening := _OPENING.search(text, position):
        end = _end_of_object(text, opening.start())
        if end is None:
            raise ValueError("cut off")
        value = _decoded(text[opening.start() : end])
        if isinstance(value, dict):
            return value
        # Objects inside a broken one are no answer: go on behind all of it.
        position = end
    raise ValueError("no JSON object")


def _end_of_object(text: str, start: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
            if depth == 0:
                return token.end()
    return None
