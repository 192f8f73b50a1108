"""Where a long text is cut: at the ends of sentences, with overlap, in chunks of equal length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from syneg.datasets.chunking_sentences import sentence_spans
from syneg.errors import InputError

# Written without spaces between words: in Chinese and Japanese each sign counts as a word, in
# Thai, Lao, Burmese and Khmer every six letters do.
_SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_MARKS_AFTER_SIGNS = "\u3001-\u303f\uff01-\uff0f\uff1a-\uff20"
# A "word" of forty letters is no word: addresses and encoded data must not escape the limit.
_WORD = re.compile(
    rf"[{_SIGNS}][{_MARKS_AFTER_SIGNS}]*|[{_UNSPACED}]{{1,6}}|[^\s{_SIGNS}{_UNSPACED}]{{1,40}}"
)
_JOINERS = "\u200d\ufe0e\ufe0f"
_FEWEST_WORDS = 10


class Span(NamedTuple):
    """A part of a text, `text[start:end]`."""

    start: int
    end: int


def word_spans(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Return the words of a part of a text, as chunks count them.

    A word is what stands between white space; a Chinese or Japanese sign, six letters of a
    script that has no spaces, and forty characters of anything else count as one too. No word
    begins with a combining mark, so that a cut between words never parts a letter from it.

    Example:
        >>> text = "Two words, 三つ。"
        >>> [text[one.start : one.end] for one in word_spans(text)]
        ['Two', 'words,', '三', 'つ。']
    """
    spans: list[Span] = []
    for match in _WORD.finditer(text, start, len(text) if end is None else end):
        one = Span(match.start(), match.end())
        if spans and spans[-1].end == one.start and _hangs_on(text, one.start):
            spans[-1] = Span(spans[-1].start, one.end)
        else:
            spans.append(one)
    return spans


def first_words(text: str, most_words: int) -> str:
    """Return the beginning of a text, at most so many words, with " …" where it was cut.

    Example:
        >>> first_words("One two three", 2), first_words("One two", 2)
        ('One two …', 'One two')
    """
    if len(text) <= most_words:
        return text
    spans = word_spans(text)
    return text if len(spans) <= most_words else text[: spans[most_words - 1].end] + " …"


def check_chunk_lengths(most_words: int, overlap_words: int) -> None:
    """Make sure that chunks of these lengths can be cut.

    Raises:
        InputError: A chunk would have fewer than 10 words, or would be more overlap than text.
    """
    if most_words < _FEWEST_WORDS:
        raise InputError(
            "is too short for a chunk",
            field="most_words",
            value=most_words,
            remedy=f"allow at least {_FEWEST_WORDS} words",
        )
    if not 0 <= overlap_words <= most_words // 2:
        raise InputError(
            "is not between 0 and half of the longest chunk",
            field="overlap_words",
            value=overlap_words,
            remedy=f"give at most {most_words // 2}",
        )


def chunk_spans(text: str, *, most_words: int = 200, overlap_words: int = 40) -> list[Span]:
    """Return where a text is cut into chunks.

    A chunk is a run of whole sentences. The next one begins with the last sentences of the
    one before, as many as have `overlap_words` words together. A sentence that is longer than
    a chunk is cut between words, and then the overlap is made of words. All chunks of a text
    are about as long: none is a leftover of a few words.

    Args:
        text: Any text.
        most_words: Most words of a chunk, from 10, as `word_spans` counts them.
        overlap_words: Most words that two chunks share, from 0 to half of `most_words`.

    Returns:
        The chunks in order; together they hold every word. A text that fits into one chunk
        is one chunk, with the white space around it.

    Raises:
        InputError: A length is out of range.

    Example:
        >>> text = "One two three. Four five six. Seven eight nine. Ten eleven. Twelve."
        >>> for one in chunk_spans(text, most_words=10, overlap_words=4):
        ...     print(text[one.start : one.end])
        One two three. Four five six.
        Four five six. Seven eight nine. Ten eleven. Twelve.
    """
    check_chunk_lengths(most_words, overlap_words)
    # A word has at least one character.
    if len(text) <= most_words:
        return [Span(0, len(text))]
    pieces, sizes = _pieces(text, most_words, overlap_words)
    if sum(sizes) <= most_words:
        return [Span(0, len(text))]
    runs = _balanced(sizes, most_words, overlap_words)
    return [Span(pieces[first].start, pieces[end - 1].end) for first, end in runs]


def _pieces(text: str, most_words: int, overlap_words: int) -> tuple[list[Span], list[int]]:
    """Return sentences, the too long ones cut up, and the number of words in each."""
    pieces: list[Span] = []
    sizes: list[int] = []
    for start, end in sentence_spans(text):
        words = word_spans(text, start, end)
        # Pieces no longer than the overlap: then there is always one to begin with.
        most = most_words if len(words) <= most_words else overlap_words or most_words
        parts = -(-len(words) // most)
        for part in range(parts):
            first, after = (len(words) * number // parts for number in (part, part + 1))
            if after > first:
                pieces.append(Span(words[first].start, words[after - 1].end))
                sizes.append(after - first)
    return pieces, sizes


def _balanced(sizes: Sequence[int], most: int, overlap: int) -> list[tuple[int, int]]:
    """Return as few runs as can be, which bring about as many new words each."""
    best = _packed(sizes, most, overlap, most)
    low, high = max(sizes), most
    while low < high:
        middle = (low + high) // 2
        runs = _packed(sizes, most, overlap, middle)
        if len(runs) <= len(best):
            best, high = runs, middle
        else:
            low = middle + 1
    return best


def _packed(sizes: Sequence[int], most: int, overlap: int, most_new: int) -> list[tuple[int, int]]:
    """Return (first, end) of runs of pieces, filled from the left.

    A run has at most `most` words, of which at most `most_new` are not in the run before.
    """
    runs: list[tuple[int, int]] = []
    first = total = new = 0
    for number, size in enumerate(sizes):
        if total + size > most or new + size > most_new:
            runs.append((first, number))
            back, shared = number, 0
            while back - 1 > first and shared + sizes[back - 1] <= min(overlap, most - size):
                back -= 1
                shared += sizes[back]
            first, total, new = back, shared, 0
        total += size
        new += size
    return [*runs, (first, len(sizes))]


def _hangs_on(text: str, place: int) -> bool:
    character = text[place]
    return (
        unicodedata.category(character).startswith("M")
        or character in _JOINERS
        or text[place - 1] == _JOINERS[0]
    )
