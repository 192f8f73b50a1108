"""The attributes that are drawn for each call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from syneg.synthesis.profile import Profile


@dataclass(frozen=True, slots=True)
class Attributes:
    """What one call asks of the text, beside being a hard negative.

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
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") are different draws.
    text = json.dumps(parts)
    return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest()[:8], "big")


def draw_attributes(
    profile: Profile, *, seed: int, query_id: str, positive_id: str, sample: int = 0
) -> Attributes:
    """Draw the attribute constraints of one call, evenly and independently from the pools.

    Args:
        profile: The pools.
        seed: Seed of the run.
        query_id: The query of the call.
        positive_id: The positive of the call.
        sample: Number of the call among those for the same query and positive.

    Returns:
        The same attributes for the same arguments, whatever else is drawn, before or after.

    Example:
        >>> from syneg.synthesis.profile import load_profile
        >>> drawn = draw_attributes(load_profile("scifact"), seed=0, query_id="1", positive_id="2")
        >>> drawn.domain_name in load_profile("scifact").domain_name
        True
    """

    def pick(name: str, pool: Sequence[str]) -> str:
        return pool[draw_number(seed, query_id, positive_id, sample, name) % len(pool)]

    return Attributes(
        domain_name=pick("domain_name", profile.domain_name),
        difficulty_level=pick("difficulty_level", profile.difficulty_level),
        length=pick("length", list(profile.length)),
    )
