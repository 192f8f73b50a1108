"""What mining came to, in numbers: how near candidates are, what removed them, what is missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from syneg.mining.alone import Mined

MOMENTS = ("count", "mean", "std", "min", "25%", "50%", "75%", "max")
"""The columns of `similarity_rows`."""


def similarity_rows(mined: Mined) -> dict[str, dict[str, float]]:
    """Return the distribution of similarities of positives, candidates and what was chosen.

    Candidates are those that are not excluded.

    Returns:
        For each of "positives", "candidates" and "chosen" the values of `MOMENTS`; empty
        where no model compared them.
    """
    found, known = mined.selection.candidates, mined.positives.similarities
    if found.similarities is None or known is None:
        return {}
    return {
        "positives": _moments(known),
        "candidates": _moments(found.similarities[found.excluded == 0]),
        "chosen": _moments(found.similarities[mined.selection.chosen]),
    }


def removed_rows(mined: Mined) -> dict[str, tuple[int, float]]:
    """Return how many candidates each reason removed, and what share of all; only if any.

    The rules of the selection are told even where they removed none.
    """
    selection = mined.selection
    total = max(1, len(selection.candidates))
    rules = {rule.text for rule in selection.rules}
    return {
        reason: (count, count / total)
        for reason, count in selection.removed().items()
        if count or reason in rules
    }


def too_few(mined: Mined) -> Mapping[str, int]:
    """Return how many queries have fewer negatives than were asked for, by the worst reason.

    A query's reason is what removed most of its candidates; "not found" where even all of
    them would have been too few.
    """
    selection = mined.selection
    if selection.wanted is None:
        return {}
    short = np.flatnonzero(selection.chosen_counts < selection.wanted)
    counts: dict[str, int] = {}
    names = selection.reasons
    for query in short.tolist():
        rows = slice(*selection.candidates.offsets[query : query + 2].tolist())
        by_reason = np.bincount(selection.removed_by[rows], minlength=len(names) + 1)[1:]
        enough = rows.stop - rows.start >= selection.wanted
        name = names[int(by_reason.argmax())] if enough and by_reason.any() else "not found"
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _moments(values: npt.NDArray[np.float32]) -> dict[str, float]:
    if not len(values):
        return {"count": 0.0}
    exact = values.astype(np.float64)
    quarters = np.percentile(exact, [25, 50, 75]).tolist()
    numbers = [len(exact), exact.mean(), exact.std(), exact.min(), *quarters, exact.max()]
    return dict(zip(MOMENTS, map(float, numbers), strict=True))
