"""Words and runs of words, as the gates count them."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Chinese and Japanese are written without spaces: each of their signs counts as a word.
_SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SIGNS}]|[^\W{_SIGNS}]+")
_DIGITS = re.compile(r"\d+")

Run = tuple[str, ...]


def words(text: str) -> list[str]:
    """Return the words of a text, case-folded, without punctuation.

    Example:
        >>> words("Cell-free DNA, 9 of 10.")
        ['cell', 'free', 'dna', '9', 'of', '10']
    """
    return _WORD.findall(text.casefold())


def without_numbers(text: str) -> str:
    """Return `text` with every number replaced by 0, so that counting does not hide a loop.

    Example:
        >>> without_numbers("Step 12 of 30")
        'Step 0 of 0'
    """
    return _DIGITS.sub("0", text)


def runs(sequence: Sequence[str], length: int) -> list[Run]:
    """Return all runs of `length` neighbouring words; a shorter text is one run.

    Example:
        >>> runs(["a", "b", "c"], 2), runs(["a"], 2), runs([], 2)
        ([('a', 'b'), ('b', 'c')], [('a',)], [])
    """
    if not sequence:
        return []
    count = max(len(sequence) - length, 0) + 1
    return [tuple(sequence[start : start + length]) for start in range(count)]
