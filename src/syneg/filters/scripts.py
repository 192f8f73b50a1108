"""The script that a text is written in."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter

_SAMPLE = 4_000
_MOST = 0.6
_JAPANESE = 0.05
# First character of each block, its last, and the script. Blocks of no single script and
# small ones are left out: a gate that is not sure says nothing.
_BLOCKS = (
    (0x0041, 0x024F, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0531, 0x058A, "Armenian"),
    (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"),
    (0x0750, 0x077F, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0A7F, "Gurmukhi"),
    (0x0A80, 0x0AFF, "Gujarati"),
    (0x0B00, 0x0B7F, "Odia"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"),
    (0x0C80, 0x0CFF, "Kannada"),
    (0x0D00, 0x0D7F, "Malayalam"),
    (0x0D80, 0x0DFF, "Sinhala"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x0EFF, "Lao"),
    (0x1000, 0x109F, "Burmese"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1200, 0x137F, "Ethiopic"),
    (0x1780, 0x17FF, "Khmer"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x1F00, 0x1FFF, "Greek"),
    (0x3040, 0x30FF, "Kana"),
    (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"),
    (0xAC00, 0xD7AF, "Hangul"),
    (0xF900, 0xFAFF, "Han"),
    (0xFF21, 0xFF5A, "Latin"),
    (0x20000, 0x3FFFF, "Han"),
)
_FIRST = [block[0] for block in _BLOCKS]
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_OTHERS = re.compile(r"[^\x00-\u024f]+")


def main_script(text: str) -> str | None:
    """Return the script that most letters of a text belong to, None where none clearly leads.

    Only the first 4,000 characters are looked at.

    Returns:
        Name of a script, such as "Latin"; "Japanese" and "Han" are told apart by kana.

    Example:
        >>> main_script("Sky"), main_script("небо"), main_script("空は青い"), main_script("天空")
        ('Latin', 'Cyrillic', 'Japanese', 'Han')
        >>> main_script("42 %!") is None, main_script("sky небо") is None
        (True, True)
    """
    counts: Counter[str] = Counter()
    start = text[:_SAMPLE]
    if start.isascii():
        return "Latin" if _LATIN.search(start) else None
    counts["Latin"] = sum(map(len, _LATIN.findall(start)))
    for part in _OTHERS.findall(start):
        counts.update(_script(letter) for letter in part if letter.isalpha())
    if counts["Kana"] > _JAPANESE * (counts["Kana"] + counts["Han"]):
        counts["Japanese"] = counts.pop("Kana") + counts.pop("Han", 0)
    name, count = max(counts.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    return name if name and count > _MOST * counts.total() else None


def _script(letter: str) -> str:
    code = ord(letter)
    place = bisect_right(_FIRST, code) - 1
    return _BLOCKS[place][2] if place >= 0 and code <= _BLOCKS[place][1] else ""
