"""The first sentence of a docstring, and what is left of it."""

from __future__ import annotations

import re

_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|cf|vs|viz|resp|approx|incl|fig|sec|nos?|dr|mrs?|st|etc|et al|(?-i:[A-Z]))\.$",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?][)'\"”’]*(?=\s|$)")
_ROLE = re.compile(r":[a-z:+-]+:`~?([^`<]+?)(?:\s*<[^`>]*>)?`")
_QUOTED = re.compile(r"(`{1,2})([^`]+)\1|`([^`']+)'")
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,2}(\w[\w ]*?)\*{1,2}(?![\w*])")
_SIGNATURE_LINE = re.compile(r"^[\w.]+\s*\([^\n]*\)\s*(?:->[^\n]*)?$")


def split_first_sentence(text: str) -> tuple[str, str]:
    r"""Return the first sentence of a docstring and the rest.

    The sentence ends at a full stop, question mark or exclamation mark that is followed by
    white space and is not part of an abbreviation ("e.g.", "i.e."), or at the paragraph's end; a
    line that ends in a colon, as before a list, ends its paragraph.
    A first line that is only a signature belongs to neither. In the sentence, reST markup is
    reduced to its words and line breaks to spaces.

    Args:
        text: A docstring, its indentation removed.

    Returns:
        Sentence and rest; both "" for an empty text. The rest keeps its layout.

    Example:
        >>> split_first_sentence("Quote ``text``, e.g. for\na shell. Never fails.\n\nSee sh(1).")
        ('Quote text, e.g. for a shell.', 'Never fails.\n\nSee sh(1).')
    """
    first_line, _, after = text.strip().partition("\n")
    body = after.strip() if _SIGNATURE_LINE.match(first_line.strip()) and after.strip() else text
    body = body.strip()
    break_at = re.search(r"\n\s*\n|(?<=:)\n", body)
    end = break_at.start() if break_at else len(body)
    for match in _END.finditer(body, 0, end):
        if _ends_sentence(body, match, end):
            end = match.end()
            break
    return plain_words(body[:end]), body[end:].strip()


def plain_words(text: str) -> str:
    """Return text without reST markup, on one line.

    Example:
        >>> plain_words("Like :func:`open`, but *mode* is ``'r'``")
        "Like open, but mode is 'r'"
    """
    text = _ROLE.sub(r"\1", text)
    text = _QUOTED.sub(lambda match: match[2] or match[3], text)
    text = _EMPHASIS.sub(r"\1", text)
    return " ".join(text.replace("``", "").split())


def _ends_sentence(body: str, match: re.Match[str], end: int) -> bool:
    if body[match.start()] != ".":
        return True
    following = body[match.end() : end].lstrip()
    before = body[: match.start() + 1]
    if _ABBREVIATION.search(before):
        # "etc." may end a sentence; the others are always followed by more.
        return before.lower().endswith("etc.") and following[:1].isupper()
    # What follows a full stop in small letters is more often a continuation ("v2. of ...").
    return not following or not following[0].islower()
