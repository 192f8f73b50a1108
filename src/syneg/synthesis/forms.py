"""The forms of answers: JSON schemas, what is said of them in a prompt, and reading them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from syneg.llm.parsing import parse_json_object
from syneg.llm.protocol import ChatAnswer
from syneg.synthesis.text import tidy

Schema = dict[str, Any]
T = TypeVar("T")

CUT_OFF = "the answer was cut off at max_tokens"
HELD_BACK = "the server's content filter held the answer back"
NO_TEXT = "the answer has no text"

_LONGEST_PROBLEM = 200


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What could be read of an answer.

    Attributes:
        value: What it says; None where nothing could be read.
        problem: Why it is not whole, else None.
        mendable: Whether asking again is likely to help.
    """

    value: T | None
    problem: str | None = None
    mendable: bool = True


def text_form(longest: Mapping[str, int]) -> Schema:
    """Return the schema of an object of texts.

    Args:
        longest: Cap of each text in characters, by key, in the order to be written.

    Example:
        >>> text_form({"title": 10})["properties"]
        {'title': {'type': 'string', 'maxLength': 10}}
    """
    return object_form(
        {name: {"type": "string", "maxLength": cap} for name, cap in longest.items()}
    )


def object_form(properties: Mapping[str, Schema]) -> Schema:
    """Return the schema of an object that has exactly these keys, in this order."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def list_form(item: Schema, fewest: int, most: int) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item, "minItems": fewest, "maxItems": most}


def described(schema: Schema) -> str:
    """Return how a schema looks in a prompt, for servers that do not enforce schemas.

    Example:
        >>> described(object_form({"a": list_form(text_form({"b": 9}), 1, 2)}))
        '{"a": [{"b": "..."}, ...]}'
    """
    if schema["type"] == "object":
        inner = (f"{json.dumps(k)}: {described(v)}" for k, v in schema["properties"].items())
        return "{" + ", ".join(inner) + "}"
    if schema["type"] == "array":
        return f"[{described(schema['items'])}, ...]"
    if "enum" in schema:
        return " or ".join(json.dumps(one) for one in schema["enum"])
    return '"..."'


def read_object(answer: ChatAnswer) -> Reading[dict[str, Any]]:
    """Return the JSON object of an answer, whatever stands around it.

    Example:
        >>> def answered(text, finish="stop"):
        ...     return ChatAnswer(text=text, finish=finish, prompt_tokens=None,
        ...                       completion_tokens=None, seconds=0.1)
        >>> read_object(answered('Sure: {"title": "A"}')).value
        {'title': 'A'}
        >>> read_object(answered('{"title": "A"', "length")).problem
        'the answer was cut off at max_tokens'
    """
    if answer.finish == "length":
        return Reading(None, CUT_OFF)
    if answer.finish == "content_filter":
        return Reading(None, HELD_BACK, mendable=False)
    try:
        return Reading(parse_json_object(answer.text))
    except ValueError as error:
        problem = tidy(f"the answer is not the JSON asked for: {error}")
        return Reading(None, problem[:_LONGEST_PROBLEM])


def read_list(content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of a list in an answer; an object in its place counts as one.

    Example:
        >>> read_list({"a": [{"b": 1}, "odd"]}, "a"), read_list({"b": 1}, "a")
        ([{'b': 1}, {}], [{'b': 1}])
    """
    found = content.get(key, content)
    entries = found if isinstance(found, list) else [found]
    return [one if isinstance(one, dict) else {} for one in entries]


def string_at(content: Mapping[str, Any], key: str) -> str:
    """Return a text of an answer with single spaces; empty where there is none.

    Example:
        >>> string_at({"a": " b  c "}, "a"), string_at({"a": 5}, "a")
        ('b c', '')
    """
    value = content.get(key)
    return tidy(value) if isinstance(value, str) else ""


def strings_at(content: Mapping[str, Any], key: str) -> list[str]:
    """Return the texts that are not empty of a list in an answer.

    Example:
        >>> strings_at({"a": ["b ", "", 5]}, "a"), strings_at({"a": "b"}, "a")
        (['b'], ['b'])
    """
    value = content.get(key)
    entries: Sequence[object] = value if isinstance(value, list) else [value]
    return [found for one in entries if isinstance(one, str) and (found := tidy(one))]
