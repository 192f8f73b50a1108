"""Reading JSON as chat models misspell it, where only one meaning is possible."""

from __future__ import annotations

import json
import re
from typing import Any

_DEEPEST = 60
_BLANKS = re.compile(r"\s*")
_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|true|false|null|True|False|None")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_STRINGS = {
    '"': re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL),
    "'": re.compile(r"'([^'\\]*(?:\\.[^'\\]*)*)'", re.DOTALL),
}
_ESCAPED_OR_QUOTE = re.compile(r"\\(.)|\"", re.DOTALL)
# A number of more digits is no measure of anything, and slow to read.
_MOST_DIGITS = 400


class CutOffError(ValueError):
    """The text ends inside the value."""


def read_relaxed(text: str, start: int) -> tuple[Any, int]:
    r"""Read one object or array that is almost JSON.

    Understood beyond JSON: a comma before a closing bracket, strings in single quotes, the
    escape `\'`, raw line breaks in strings, and Python's True, False and None. Nothing else is
    guessed: an apostrophe that could end a string ends it.

    Args:
        text: Where it stands.
        start: Where it begins, with a brace or bracket.

    Returns:
        The value, and the position behind it.

    Raises:
        CutOffError: The text ends inside the value.
        ValueError: It is none of this.

    Example:
        >>> read_relaxed("{'a': [1, True,],}", 0)
        ({'a': [1, True]}, 18)
        >>> read_relaxed("{'a': 'it's'}", 0)
        Traceback (most recent call last):
        ...
        ValueError: neither JSON nor nearly so
    """
    return _Reader(text).value(start, 0)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, position: int, depth: int) -> tuple[Any, int]:
        if depth > _DEEPEST:
            raise _no_json()
        sign = self._sign(position)
        if sign == "{":
            return self._object(position + 1, depth)
        if sign == "[":
            return self._array(position + 1, depth)
        if sign in _STRINGS:
            return self._string(position)
        found = _SCALAR.match(self._text, position)
        if found is None or len(found[0]) > _MOST_DIGITS:
            raise _no_json()
        word = found[0]
        return _WORDS[word] if word in _WORDS else json.loads(word), found.end()

    def _object(self, position: int, depth: int) -> tuple[dict[str, Any], int]:
        value: dict[str, Any] = {}
        while True:
            position = self._behind_blanks(position)
            if self._sign(position) == "}":
                return value, position + 1
            if self._sign(position) not in _STRINGS:
                raise _no_json()
            key, position = self._string(position)
            position = self._behind_blanks(position)
            if self._sign(position) != ":":
                raise _no_json()
            value[key], position = self.value(self._behind_blanks(position + 1), depth + 1)
            position = self._behind_comma(position, "}")

    def _array(self, position: int, depth: int) -> tuple[list[Any], int]:
        value: list[Any] = []
        while True:
            position = self._behind_blanks(position)
            if self._sign(position) == "]":
                return value, position + 1
            part, position = self.value(position, depth + 1)
            value.append(part)
            position = self._behind_comma(position, "]")

    def _string(self, position: int) -> tuple[str, int]:
        found = _STRINGS[self._text[position]].match(self._text, position)
        if found is None:
            raise CutOffError("cut off")
        body = _ESCAPED_OR_QUOTE.sub(_as_json, found[1])
        return json.loads(f'"{body}"', strict=False), found.end()

    def _behind_comma(self, position: int, closing: str) -> int:
        position = self._behind_blanks(position)
        sign = self._sign(position)
        if sign == ",":
            return position + 1
        if sign == closing:
            return position
        raise _no_json()

    def _behind_blanks(self, position: int) -> int:
        found = _BLANKS.match(self._text, position)
        return found.end() if found else position

    def _sign(self, position: int) -> str:
        if position >= len(self._text):
            raise CutOffError("cut off")
        return self._text[position]


def _as_json(found: re.Match[str]) -> str:
    if found[0] == '"':
        return '\\"'
    return "'" if found[1] == "'" else found[0]


def _no_json() -> ValueError:
    return ValueError("neither JSON nor nearly so")
