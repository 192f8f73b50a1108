"""The attributes that are drawn for each text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from syneg.synthesis.profile import Profile

# 40 factorial is 2**159: among so many orders 256 bits choose evenly.
_LARGEST_BY_ONE_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked of one text, beside being a hard negative.

    Attributes:
        domain_name: The field of the persona, "expert in {domain_name}".
        difficulty_level: The level of education needed to understand the text.
        length: The length relative to the positive, in words.
    """

    domain_name: str
    difficulty_level: str
    length: str


def draw_number(*parts: str | int) -> int:
    """Return a number from 0 to 2**64 - 1 that depends on `parts` alone.

    It is taken from a SHA-256, so it is the same in every Python version, on every machine
    and in whatever order numbers are drawn.

    Example:
        >>> draw_number(0, "q1") == draw_number(0, "q1"), draw_number(0, "q1") == draw_number("0q1")
        (True, False)
    """
    return int.from_bytes(_digest(parts)[:8], "big")


def _digest(parts: tuple[str | int, ...]) -> bytes:
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") are different draws.
    return hashlib.sha256(json.dumps(parts).encode("ascii")).digest()


def draw_share(*parts: str | int) -> float:
    """Return a number from 0 to 1, 1 excluded, that depends on `parts` alone.

    Example:
        >>> 0 <= draw_share(0, "q1") < 1
        True
    """
    return (draw_number(*parts) >> 11) / 2**53


def draw_place(size: int, turn: int, *parts: str | int) -> int:
    """Return one of `size` places so that turns 0, 1, 2, … go through all of them.

    Every `size` turns in a row, counted from 0, take each place once, in an order of their own.

    Args:
        size: How many places there are, from 1.
        turn: The number of the draw, from 0.
        parts: What else the draw depends on.

    Returns:
        From 0 to `size` - 1.

    Example:
        >>> sorted(draw_place(4, turn, "q") for turn in range(4))
        [0, 1, 2, 3]
    """
    around, place = divmod(turn, size)
    if size > _LARGEST_BY_ONE_NUMBER:
        return sorted(range(size), key=lambda one: draw_number(*parts, around, one))[place]
    # One number of 256 bits chooses among all orders, digit by digit in base size, size - 1, …
    number = int.from_bytes(_digest((*parts, around)), "big")
    left = list(range(size))
    for _ in range(place):
        number, chosen = divmod(number, len(left))
        del left[chosen]
    return left[number % len(left)]


def draw_attributes(
    profile: Profile, *, seed: int, query_id: str, positive_id: str, sample: int = 0
) -> Attributes:
    """Draw the attribute constraints of one text, evenly from the pools.

    The texts of one query and positive go through each pool in an order of their own, so that
    none is taken twice before all are taken once. Over different queries the draws are
    independent, since what is asked for one query may not depend on which others there are (or
    adding queries would change, and pay again for, what was written): a pool of k phrases
    over n queries is even up to the chance of a fair die, about sqrt(k / n) of each share.

    Args:
        profile: The pools.
        seed: Seed of the run.
        query_id: The query of the text.
        positive_id: The positive of the text.
        sample: Number of the text among those for the same query and positive, from 0.

    Returns:
        The same attributes for the same arguments, whatever else is drawn, before or after.

    Example:
        >>> from syneg.synthesis.profile import load_profile
        >>> profile = load_profile("scifact")
        >>> drawn = {draw_attributes(profile, seed=0, query_id="1", positive_id="2", sample=one)
        ...     .domain_name for one in range(9)}
        >>> drawn == set(profile.domain_name)
        True
    """

    def pick(name: str, pool: Sequence[str]) -> str:
        return pool[draw_place(len(pool), sample, seed, query_id, positive_id, name)]

    return Attributes(
        domain_name=pick("domain_name", profile.domain_name),
        difficulty_level=pick("difficulty_level", profile.difficulty_level),
        length=pick("length", list(profile.length)),
    )
