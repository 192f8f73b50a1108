"""Texts and numbers as the report shows them: harmless, short and evenly rounded."""

from __future__ import annotations

import math
import re

from markupsafe import Markup

LONGEST = 300
"""Most characters shown of a query or a document."""

# Control characters break HTML; overrides of the writing direction would reorder the page;
# halves of characters cannot be written as UTF-8 at all.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef"
    "\ufffe\uffff]"
)
_UNKNOWN = "\ufffd"
_MINUS = "\u2212"
_NONE = "–"


def showable(value: object) -> object:
    r"""Return a value as a page can hold it; only strings that are no markup are changed.

    Example:
        >>> showable("a\x00b") == "a\ufffdb", showable(3)
        (True, 3)
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNSHOWABLE.sub(_UNKNOWN, value)
    return value


def excerpt(text: str | None, most: int = LONGEST) -> str:
    r"""Return the beginning of a text on one line, with "…" where something was cut off.

    Example:
        >>> excerpt("one  two\nthree", 8), excerpt(None), excerpt("x" * 9, 4)
        ('one two…', '', 'xxx…')
    """
    # Of a huge text only the beginning is worked on.
    line = " ".join(str(showable((text or "")[: 8 * most])).split())
    if len(line) <= most:
        return line if len(text or "") <= 8 * most else f"{line}…"
    cut = line[: most - 1]
    # At the end of a word where there is one; not in scripts that have no spaces.
    space = cut.rfind(" ", most - most // 6)
    return (cut[:space] if space > 0 else cut).rstrip() + "…"


def percent(value: float | None, digits: int = 2) -> str:
    """Return a share in percent, without the sign "%".

    Example:
        >>> percent(0.44453), percent(None), percent(float("inf"))
        ('44.45', '–', '–')
    """
    if value is None or not math.isfinite(value):
        return _NONE
    return f"{100 * value:.{digits}f}".replace("-", _MINUS)


def change(value: float | None, digits: int = 2) -> str:
    r"""Return a difference of two shares in percentage points, always with its sign.

    Example:
        >>> change(0.0213), change(-0.5, 0) == "\u221250", change(-0.000001)
        ('+2.13', True, '0.00')
    """
    if value is None or not math.isfinite(value):
        return _NONE
    shown = f"{100 * value:+.{digits}f}"
    if float(shown) == 0:
        return shown[1:]
    return shown.replace("-", _MINUS)


def interval(low: float, high: float) -> str:
    """Return an interval of differences in percentage points.

    Example:
        >>> interval(0.001, 0.02)
        '+0.10 to +2.00'
    """
    return f"{change(low)} to {change(high)}"


def p_value(value: float) -> str:
    """Return a p-value to three places.

    Example:
        >>> p_value(0.0424), p_value(0.0001)
        ('0.042', '<0.001')
    """
    return "<0.001" if value < 0.0005 else f"{value:.3f}"


def count(value: float | None) -> str:
    """Return a whole number with its thousands set apart.

    Example:
        >>> count(21270), count(None)
        ('21,270', '–')
    """
    return _NONE if value is None else f"{value:,.0f}"


def several(number: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun.

    Example:
        >>> several(1, "query", "queries"), several(1200, "query", "queries")
        ('1 query', '1,200 queries')
    """
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def similarity(value: float | None) -> str:
    """Return a cosine to two places.

    Example:
        >>> similarity(0.678), similarity(None)
        ('0.68', '–')
    """
    if value is None or not math.isfinite(value):
        return _NONE
    return f"{value:.2f}".replace("-", _MINUS)


def duration(seconds: float | None) -> str:
    """Return a time span in the units a person would use.

    Example:
        >>> duration(0.36), duration(135.99), duration(7322)
        ('0.4 s', '2 min 16 s', '2 h 2 min')
    """
    if seconds is None:
        return _NONE
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(bytes_: int) -> str:
    """Return the size of a file.

    Example:
        >>> size(512), size(3092905)
        ('512 B', '3.1 MB')
    """
    amount, units = float(bytes_), ["B", "kB", "MB", "GB"]
    while amount >= 999.95 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"
