"""How texts become batches: cut before they are tokenised, grouped by how long they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

# English has 4 to 5 characters to a token; tables, rulers and runs of blanks have many more.
CHARACTERS_PER_TOKEN = 16
# A cut falls between words if a word ends so near before it.
_LONGEST_WORD = 1000


def cut_text(text: str, characters: int) -> str:
    """Return the beginning of a text, cut between two words.

    A tokenizer reads a document of a megabyte to its end before it drops all but the first
    few hundred tokens. What is cut here it need not read.

    Args:
        text: The text.
        characters: Most characters to keep, from 1.

    Returns:
        The text itself if it has no more than `characters` or if only white space follows.

    Example:
        >>> cut_text("one two three", 10)
        'one two'
        >>> cut_text("one two   ", 8)
        'one two   '
    """
    if len(text) <= characters or not text[characters:].strip():
        return text
    for place in range(characters, max(0, characters - _LONGEST_WORD), -1):
        if text[place].isspace():
            return text[:place]
    return text[:characters]


def longest_first(texts: Sequence[str]) -> Numbers:
    """Return the order of texts from the longest to the shortest, by characters.

    Example:
        >>> longest_first(["b", "ccc", "a", ""]).tolist()
        [1, 0, 2, 3]
    """
    lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
    return np.argsort(-lengths, kind="stable")


def token_batches(lengths: Numbers, budget: int) -> Iterator[Numbers]:
    """Yield batches of texts alike in length, within a budget of tokens.

    Args:
        lengths: Tokens of each text, shape (n,).
        budget: Most tokens of a batch, padding included: the number of its texts times the
            length of the longest. A text that is longer makes a batch of its own.

    Yields:
        Places in `lengths`; every place comes once, the longest texts first.

    Example:
        >>> [batch.tolist() for batch in token_batches(np.array([2, 9, 3, 4]), 9)]
        [[1], [3, 2], [0]]
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        size = max(1, budget // longest)
        yield order[start : start + size]
        start += size
