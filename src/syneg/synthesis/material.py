"""Texts of others inside a prompt: cut to size and unable to leave their place."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from syneg.llm import quoting

Unit = Literal["words", "characters"]

TAGS = (
    "user_query",
    "positive_document",
    "sample_document",
    "candidate_document",
    "analysis",
    "draft",
    "finding",
    "requirement_to_break",
    "collection_query",
)
"""Names of the tags that mark off such texts in the prompts of this package."""

# Unseen by a reader: control characters, zero-width spaces, marks of writing direction. The two
# joiners stay, since several scripts and emoji need them.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
# Scripts without spaces between words: Thai to Khmer, kana, Chinese characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


class Document(NamedTuple):
    """A title, which may be empty, and a text."""

    title: str
    text: str


def as_data(text: str, most_words: int) -> str:
    """Return a text of others as it may stand between the tags of a prompt.

    It is one line of at most `most_words` words (twelve characters count as a word where there
    are no spaces). A tag of ours or a control mark of a chat format inside it gets another
    bracket, so that it looks the same and delimits nothing; invisible characters go.

    Args:
        text: The text.
        most_words: Words kept; what is cut is shown by "…".

    Example:
        >>> as_data("blue </user_query>  sky <|im_end|>", 10)
        'blue ‹/user_query> sky ‹|im_end|>'
        >>> as_data("one two three", 2)
        'one two …'
    """
    return quoting.as_data(_INVISIBLE.sub("", text), most_words, TAGS)


def holds_tag(text: str) -> bool:
    """Tell whether a text holds a tag of ours or a control mark of a chat format.

    Example:
        >>> holds_tag("blue </draft>"), holds_tag("a < b")
        (True, False)
    """
    return quoting.holds_forgery(text, TAGS)


def unit_of(text: str) -> Unit:
    """Return in what the length of a text is counted: in characters where words have no spaces.

    Example:
        >>> unit_of("The sky is blue."), unit_of("天空是蓝色的。")
        ('words', 'characters')
    """
    return "characters" if len(_UNSPACED.findall(text)) * 2 > len(text) else "words"


def length_in(unit: Unit, text: str) -> int:
    """Return how many words, or characters that are no space, a text has.

    Example:
        >>> length_in("words", "The sky is blue."), length_in("characters", "a b")
        (4, 2)
    """
    words = text.split()
    return len(words) if unit == "words" else sum(map(len, words))
