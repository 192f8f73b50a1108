"""The sentences of a text in any language, by punctuation alone."""

from __future__ import annotations

import re

_CLOSING = r"[)\]}'\"”’»›]*"
_END = re.compile(
    # Chinese and Japanese: nothing needs to follow.
    r"(?P<wide>[。！？｡]+[」』）】〉》”’\"')\]]*)"
    # Elsewhere white space follows; Arabic, Urdu, Hindi, Armenian, Amharic, Burmese, Khmer.
    rf"|(?P<mark>[.!?…؟۔।॥։።။។៕]+{_CLOSING})(?=\s|$)"
    r"|(?P<paragraph>\n[^\S\n]*\n\s*)"
)
# A false end cuts a sentence in two, a missed one only makes a longer sentence: in doubt there
# is none. German ordinals ("3. Mai") and numbered lists are why a small number ends nothing.
_NO_END = re.compile(
    r"(?:\b(?:[^\W\d_]\.)+"
    r"|(?<![\d.,])\d{1,2}\."
    r"|\b(?:cf|vs|viz|resp|approx|incl|figs?|sec|vol|pp?|ch|eqs?|refs?|tab|ed|eds|dr|mrs?|ms"
    r"|prof|st|jr|sr|inc|ltd|corp|co|dept|est|al|ca|etc|jan|feb|mar|apr|jun|jul|aug|sept?|oct"
    r"|nov|dec|bzw|usw|bspw|ggf|nr|abb|art|mme|mlle|sra?|av|núm|págs?)\.)$",
    re.IGNORECASE,
)
# "No. 7" goes on, "No." ends.
_NUMBER_MARK = re.compile(r"\bnos?\.$", re.IGNORECASE)
_LONGEST_ABBREVIATION = 16


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the sentences of a text, without the white space around them.

    A sentence ends at an empty line, at a Chinese or Japanese full stop, and at any other
    full stop, question or exclamation mark that white space follows, unless it belongs to an
    abbreviation, initial or ordinal or the text goes on in small letters.

    Example:
        >>> text = "See Fig. 2 by J. Doe. It works! 「はい。」そうです。"
        >>> [text[start:end] for start, end in sentence_spans(text)]
        ['See Fig. 2 by J. Doe.', 'It works!', '「はい。」', 'そうです。']
        >>> sentence_spans("no end"), sentence_spans("  ")
        ([(0, 6)], [])
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if match.lastgroup == "mark" and not _ends(text, match):
            continue
        _add(spans, text, start, match.end())
        start = match.end()
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    part = text[start:end]
    if trimmed := part.strip():
        first = start + len(part) - len(part.lstrip())
        spans.append((first, first + len(trimmed)))


def _ends(text: str, match: re.Match[str]) -> bool:
    following = text[match.end() : match.end() + 64].lstrip()
    if following[:1].islower():
        return False
    place = match.start()
    if text[place] != "." or text[place : place + 2] == "..":
        return True
    before = text[max(0, place - _LONGEST_ABBREVIATION) : place + 1]
    if following[:1].isdigit() and _NUMBER_MARK.search(before):
        return False
    return not _NO_END.search(before)
