"""Words and runs of words, as the gates count them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Sets of characters inside patterns. Those beyond U+FFFF stand apart: the matcher is ten times
# slower on a set that has one.
_SIGNS = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6"
    "\u1000-\u102a\u1780-\u17b3\u3005-\u3007\u3040-\u3096\u309d-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
# Nothing of these is seen: joiners, directions, soft hyphens, variation selectors, fillers.
_HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
# What decorates a letter. Where it changes the letter, composing has made one letter of both.
_DECORATION = (
    "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
)
# Vowel signs of India's and South-East Asia's scripts are written as marks: parts of a word.
_VOWELS = (
    "\u0900-\u0963\u0971-\u09e3\u0a00-\u0a63\u0a70-\u0ae3\u0b00-\u0b63\u0b80-\u0be3"
    "\u0c00-\u0c63\u0c80-\u0ce3\u0d00-\u0d63\u0d80-\u0de3\u0df2\u0df3\u0e31\u0e34-\u0e3a"
    "\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u17b6-\u17d3"
)
SIGN = rf"(?:[{_SIGNS}]|[\U00020000-\U0003ffff])"
"""Pattern of one letter of a script that puts no spaces between words."""

_WORD = re.compile(rf"{SIGN}[{_VOWELS}]*|(?:(?!{SIGN})\w|[{_VOWELS}])+")
_HIDDEN_RUN = re.compile(rf"[{_HIDDEN}]+|[\U000e0000-\U000e0fff]+")
_DECORATION_RUN = re.compile(f"[{_DECORATION}]+")
_LONG_DECORATION = re.compile(rf"([{_DECORATION}]{{4}})[{_DECORATION}]+")
_DIGITS = re.compile(r"\d+")
_BETWEEN = re.compile(r"[\x00-/:-@\[-^`{-\x7f]+")
_ASCII_WORDS = "".join(" " if _BETWEEN.match(chr(code)) else chr(code) for code in range(128))

Run = tuple[str, ...]


def seen(text: str) -> str:
    r"""Return a text as a reader sees it: one form of each letter, and nothing invisible.

    Compatibility forms (ligatures, full-width and mathematical letters) become plain letters
    (Unicode's NFKC), and joiners, soft hyphens and the like vanish, so that signs hidden
    inside a word hide it from no gate.

    Example:
        >>> seen("hard\u200b nega\u00adtive"), seen("ﬁne"), seen("cafe\u0301")
        ('hard negative', 'fine', 'café')
    """
    if text.isascii():
        return text
    # Composing sorts the marks on a letter, in a time that grows with the square of their
    # number: a hostile text has a million of them on one.
    short = _LONG_DECORATION.sub(r"\1", _HIDDEN_RUN.sub("", text))
    return _DECORATION_RUN.sub("", unicodedata.normalize("NFKC", short))


def words(text: str) -> list[str]:
    r"""Return the words of a text, case-folded, without punctuation and what is not seen.

    Each sign of a script that puts no spaces between words (Chinese, Japanese, Thai, ...)
    counts as a word.

    Example:
        >>> words("Cell-free DNA, 9 of 10.")
        ['cell', 'free', 'dna', '9', 'of', '10']
        >>> words("天空是蓝的"), words("nega\u200btive")
        (['天', '空', '是', '蓝', '的'], ['negative'])
    """
    if text.isascii():
        return text.lower().translate(_ASCII_WORDS).split()
    found: list[str] = []
    # Most words of most texts are plain: only the others need the slow pattern.
    for part in _BETWEEN.split(text):
        if not part.isascii():
            found.extend(_WORD.findall(seen(part).casefold()))
        elif part:
            found.append(part.lower())
    return found


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
    if len(sequence) < length:
        return [tuple(sequence)]
    return list(zip(*(sequence[start:] for start in range(length)), strict=False))


def different_runs(sequence: Sequence[str], length: int) -> set[int]:
    """Return the different runs of `length` neighbouring words, each as a number.

    Numbers (64-bit hashes) take a third of the time and memory of the words, which counts
    where thousands of documents are held. They differ from process to process, but what two
    texts have in common does not.

    Example:
        >>> first, second = different_runs(["a", "b", "c"], 2), different_runs(["b", "c"], 2)
        >>> len(first), len(first & second), different_runs([], 2)
        (2, 1, set())
    """
    if len(sequence) < length:
        return {hash(tuple(sequence))} if sequence else set()
    return set(map(hash, zip(*(sequence[start:] for start in range(length)), strict=False)))
