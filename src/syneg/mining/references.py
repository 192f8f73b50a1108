"""Which of a query's positives its candidates are held against."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from syneg.errors import InputError
from syneg.mining.candidates import Positives


class Reference(StrEnum):
    """The positive whose similarity s⁺ to the query the rules look at.

    With one positive all four are the same. With several the choice decides how much is left:
    on NFCorpus (2,590 training queries with 18 positives in the middle, all-MiniLM-L6-v2, the
    100 nearest other documents), the rule `perc-pos:0.95` removes

    ========  ==========================  ===============================
    FIRST     67% of the candidates       all those of 60% of the queries
    NEAREST   24%                         of 16%
    MEAN      86%                         of 80%
    FARTHEST  95%                         of 93%
    ========  ==========================  ===============================

    A strict reference does find more false negatives: with half of the positives hidden, those
    of the hidden ones that are among the candidates are removed in 79, 20, 97 and 99.6% of the
    cases. But it finds them by removing nearly everything, other candidates as often (71, 31,
    90 and 98%), and what takes the place of a query's last candidate is a random document. So
    the default is NEAREST: what the rules ask is whether a candidate is as near as a relevant
    document can be expected to be, the best known one shows how near that is, and a positive
    far from its query shows only that the model misses some. Where the qrels hold few of the
    relevant documents, FARTHEST is the careful choice.
    """

    FIRST = "first"
    """The positive of the highest grade, of several the one judged first."""
    NEAREST = "nearest"
    """The positive nearest to the query: removes least."""
    FARTHEST = "farthest"
    """The positive farthest from the query: removes most."""
    MEAN = "mean"
    """The mean of the positives' similarities."""


def reference_similarities(
    positives: Positives, reference: Reference = Reference.NEAREST
) -> npt.NDArray[np.float64]:
    """Return the similarity that each query's candidates are held against.

    Args:
        positives: With similarities, at least one positive for each query.
        reference: Which positive counts.

    Returns:
        One number per query.

    Raises:
        InputError: A similarity is missing or no finite number, or a query has no positive.

    Example:
        >>> known = Positives(["q", "r"], np.array([0, 2, 3]), np.array([0, 1, 2]),
        ...                   np.array([0.25, 0.75, 0.5], np.float32))
        >>> reference_similarities(known).tolist()
        [0.75, 0.5]
        >>> reference_similarities(known, Reference.MEAN).tolist()
        [0.5, 0.5]
    """
    if not len(positives.query_ids):
        return np.zeros(0)
    _check(positives)
    assert positives.similarities is not None
    values = positives.similarities.astype(np.float64)
    starts = positives.offsets[:-1]
    if reference is Reference.FIRST:
        return np.asarray(values[starts])
    if reference is Reference.NEAREST:
        return np.asarray(np.maximum.reduceat(values, starts))
    if reference is Reference.FARTHEST:
        return np.asarray(np.minimum.reduceat(values, starts))
    return np.asarray(np.add.reduceat(values, starts) / positives.counts)


def _check(positives: Positives) -> None:
    if positives.similarities is None:
        raise InputError(
            "the positives have no similarity to their queries",
            field="similarity",
            remedy="name the model that is to compare them (--model)",
        )
    alone = np.flatnonzero(positives.counts == 0)
    if alone.size:
        raise InputError(
            "the query has no positive that a candidate could be held against",
            field="query_id",
            value=positives.query_ids[int(alone[0])],
            remedy="leave it out, or select by rank or score",
        )
    wrong = np.flatnonzero(~np.isfinite(positives.similarities))
    if wrong.size:
        raise InputError(
            f"{wrong.size} positives have a similarity that is no finite number, the first of "
            f"query '{positives.query_ids[int(positives.owners[wrong[0]])]}'",
            field="similarity",
            value=float(positives.similarities[wrong[0]]),
            remedy="encode again in float32, or take another model",
        )
