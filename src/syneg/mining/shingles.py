"""Which documents say nearly what another says: runs of five words in common."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from syneg.filters.words import words

Hashes = npt.NDArray[np.uint64]

SHINGLE = 5
"""Words in a shingle."""
FEWEST = 10
"""A text with fewer shingles is too short for "contained in the other" to mean anything."""

_FACTORS = np.array([0x9E3779B97F4A7C15 * (2 * n + 1) % 2**64 for n in range(SHINGLE)], np.uint64)


@dataclass(frozen=True)
class Print:
    """What is compared of a text.

    Attributes:
        text: Hash of title and text, whatever their case, punctuation and spacing.
        body: The same of the text without its title.
        shingles: Hashes of its runs of `SHINGLE` words, each once, rising.
    """

    text: int
    body: int
    shingles: Hashes


def text_print(text: str, title: str = "") -> Print:
    """Return what is compared of a text.

    Example:
        >>> text_print("The cat purrs.").text == text_print("the  cat, purrs").text
        True
        >>> text_print("purrs.", "The cat").text == text_print("The cat purrs").text
        True
        >>> len(text_print("one two three four five six").shingles)
        2
    """
    heading, body = words(title), words(text)
    found = [*heading, *body]
    of_body = _hash(body, text)
    return Print(_hash(found, title + text) if title else of_body, of_body, _shingles(found))


def _hash(found: Sequence[str], text: str) -> int:
    # A text of signs alone has no words; it is still equal to itself.
    plain = (" ".join(found) or text.strip()).encode()
    return int.from_bytes(blake2b(plain, digest_size=8).digest(), "big")


def near_duplicates(
    positives: Sequence[Hashes], others: Sequence[Hashes], threshold: float
) -> npt.NDArray[np.bool_]:
    """Tell which texts nearly repeat a positive.

    Two texts do when their shingles' Jaccard similarity reaches the threshold, or when that
    share of the shorter one's shingles stands in the longer one (where the shorter one has at
    least `FEWEST`): an excerpt of a positive is a bad negative, as is a longer copy.

    Args:
        positives: The shingles of each positive.
        others: The shingles of each text that is held against them.
        threshold: Above 0, up to 1.

    Returns:
        One value per text of `others`.

    Example:
        >>> texts = [text_print(" ".join(map(str, range(start, 40)))) for start in (0, 5, 30)]
        >>> shingles = [one.shingles for one in texts]
        >>> near_duplicates(shingles[:1], shingles[1:], 0.8).tolist()
        [True, False]
    """
    sizes = np.array([len(one) for one in others])
    own = np.array([len(one) for one in positives])
    if not sizes.sum() or not own.sum():
        return np.zeros(len(others), bool)
    shared = _shared(positives, others)
    larger, smaller = np.maximum.outer(sizes, own), np.minimum.outer(sizes, own)
    union = np.maximum(larger + smaller - shared, 1)
    near = shared >= threshold * union
    near |= (smaller >= FEWEST) & (shared >= threshold * smaller)
    return np.asarray((near & (shared > 0)).any(axis=1))


def _shared(positives: Sequence[Hashes], others: Sequence[Hashes]) -> npt.NDArray[np.int64]:
    """Return how many shingles each of `others` has in common with each positive."""
    known = np.concatenate(positives)
    owners = np.repeat(np.arange(len(positives)), [len(one) for one in positives])
    order = np.argsort(known, kind="stable")
    known, owners = known[order], owners[order]
    asked = np.concatenate(others)
    asking = np.repeat(np.arange(len(others)), [len(one) for one in others])
    first = np.searchsorted(known, asked, side="left")
    # Most shingles stand in no positive; only the others are looked at closely.
    hit = np.flatnonzero(known[np.minimum(first, len(known) - 1)] == asked)
    first = first[hit]
    counts = np.searchsorted(known, asked[hit], side="right") - first
    places = np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    pairs = np.repeat(asking[hit], counts) * len(positives) + owners[places]
    size = len(others) * len(positives)
    return np.bincount(pairs, minlength=size).reshape(len(others), len(positives))


def _shingles(found: Sequence[str]) -> Hashes:
    if not found:
        return np.zeros(0, np.uint64)
    hashes = np.fromiter((zlib.crc32(word.encode()) for word in found), np.uint64, len(found))
    count = max(1, len(found) - SHINGLE + 1)
    mixed = np.zeros(count, np.uint64)
    with np.errstate(over="ignore"):
        for place in range(min(SHINGLE, len(found))):
            mixed += (hashes[place : place + count] + np.uint64(1)) * _FACTORS[place]
            mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed)
