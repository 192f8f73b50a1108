"""Errors that a user can act on, told in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

_LONGEST_VALUE = 80


class SynegError(Exception):
    """Base of every error that syneg raises on purpose; its text is one line."""


class InputError(SynegError):
    """Something that the user gave is wrong.

    The message names the place, what is wrong there and what to do about it. The command
    line prints it without a traceback and exits with code 2.

    Args:
        problem: What is wrong, without a full stop.
        file: The file (or folder) in which it is wrong.
        line: The line in that file, counted from 1.
        field: The field, column or configuration key.
        value: The value received; long ones are cut when shown.
        remedy: What the user can do.

    Example:
        >>> str(InputError("is not a number", file="qrels/test.tsv", line=3, field="score",
        ...                value="x", remedy="write a whole number"))
        "qrels/test.tsv:3: field 'score': is not a number (got 'x'); write a whole number"
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        field: str | None = None,
        value: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.line = line
        self.field = field
        self.value = value
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        parts: list[str] = []
        if self.file is not None:
            parts.append(self.file if self.line is None else f"{self.file}:{self.line}")
        if self.field is not None:
            parts.append(f"field '{self.field}'")
        text = self.problem
        if self.value is not None:
            shown = repr(self.value)
            if len(shown) > _LONGEST_VALUE:
                shown = shown[: _LONGEST_VALUE - 1] + "…"
            text += f" (got {shown})"
        if self.remedy is not None:
            text += f"; {self.remedy}"
        parts.append(text)
        return " ".join(": ".join(parts).split())


class MissingExtraError(InputError):
    """An optional part is not installed.

    Args:
        package: The import name that was not found.
        extra: The extra of syneg that brings it.

    Example:
        >>> str(MissingExtraError("bm25s", "mine"))
        "the package 'bm25s' is not installed; run: pip install 'syneg[mine]'"
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"the package '{package}' is not installed",
            remedy=f"run: pip install 'syneg[{extra}]'",
        )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None when nothing is close.

    Example:
        >>> nearest("trainning", ["training", "mixing"])
        'training'
    """
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None
