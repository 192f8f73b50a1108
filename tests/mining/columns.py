"""Candidates and positives made up from plain lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from syneg.mining.candidates import Candidates, Positives


def candidates_of(similarities: Sequence[Sequence[float]], *, source: str = "dense") -> Candidates:
    """Return candidates with these similarities, query by query, in the order given."""
    names = [f"q{number}" for number in range(len(similarities))]
    owners = np.repeat(np.arange(len(names)), [len(one) for one in similarities])
    near = np.array([value for one in similarities for value in one], np.float32)
    ranks = np.concatenate([[0], *(np.arange(1, len(one) + 1) for one in similarities)])[1:]
    documents = np.arange(len(owners)) + 1000
    found = Candidates.from_rows(source, names, owners, documents, near, ranks)
    return replace(found, similarities=found.scores)


def positives_of(similarities: Sequence[Sequence[float]]) -> Positives:
    """Return positives with these similarities, query by query."""
    counts = [len(one) for one in similarities]
    return Positives(
        [f"q{number}" for number in range(len(similarities))],
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.arange(sum(counts)),
        np.array([value for one in similarities for value in one], np.float32),
    )
