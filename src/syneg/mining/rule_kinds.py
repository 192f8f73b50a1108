"""The rules that select candidates: small pure functions over columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from syneg.errors import InputError
from syneg.mining.candidates import Mask, Numbers

Values = Mapping[str, float]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """What a rule may look at: the rows of some queries.

    Attributes:
        ranks: Rank in the source's list, from 1.
        scores: The source's own score.
        similarity: Similarity to the query under the model; None where none was computed.
        query_reference: The similarity of each query's reference positive; None likewise.
        counts: Rows of each query.
    """

    ranks: npt.NDArray[np.int32]
    scores: Numbers
    similarity: Numbers | None
    query_reference: _Floats | None
    counts: npt.NDArray[np.int64]

    @property
    def similarities(self) -> Numbers:
        """The similarity of every row.

        Raises:
            InputError: None was computed.
        """
        if self.similarity is None:
            raise InputError(
                "the candidates have no similarity to their queries",
                field="similarity",
                remedy="name the model that is to compare them (--model)",
            )
        return self.similarity

    @cached_property
    def reference(self) -> _Floats:
        """The similarity of the reference positive, for every row."""
        known = self.query_reference
        return np.repeat(np.zeros(len(self.counts)) if known is None else known, self.counts)


@dataclass(frozen=True)
class RuleKind:
    """One kind of rule.

    Attributes:
        form: How it is written.
        what: What it does, in a line.
        parameters: Names of its values; the first may be given without its name.
        check: Tells what is wrong with values; None where nothing is.
        removes: Tells for each row whether the rule removes it; None for a sampler.
        measure: What a verdict gives as its score; None: the similarity.
        compares: Whether it needs similarities.
        reference: Whether it needs the positives' similarities too.
    """

    form: str
    what: str
    parameters: tuple[str, ...]
    check: Callable[[Values], str | None]
    removes: Callable[[Columns, Values], Mask] | None = None
    measure: Callable[[Columns, Values], _Floats] | None = None
    compares: bool = False
    reference: bool = False

    @property
    def sampler(self) -> bool:
        """Whether it chooses among what the other rules leave."""
        return self.removes is None


def above_share(similarity: Numbers | _Floats, positive: _Floats, share: float) -> Mask:
    """Tell which similarities are above a share of the positive's similarity.

    The ceiling s⁺ - (1 - share)·|s⁺| lies below the positive, also where that is negative.

    Args:
        similarity: Of the candidates.
        positive: Of the positive that each is held against.
        share: Above 0, up to 1.

    Source:
        NV-Retriever (arXiv 2407.15831), TopK-PercPos.

    Example:
        >>> near = np.array([0.5, 0.48, -0.41], np.float32)
        >>> above_share(near, np.array([0.5, 0.5, -0.4]), 0.95).tolist()
        [True, True, True]
        >>> above_share(near, np.array([0.6, 0.6, -0.3]), 0.95).tolist()
        [False, False, False]
    """
    return np.asarray(similarity > positive - (1 - share) * np.abs(positive))


def share_of_positive(similarity: Numbers | _Floats, positive: _Floats) -> _Floats:
    """Return similarities as shares of the positive's: what is above 1 is nearer than it.

    Counted so that `above_share` and this agree where the positive's is negative; not finite
    where it is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - (positive - similarity) / np.abs(positive))


def _in(low: float, high: float, *, low_too: bool = False) -> Callable[[Values], str | None]:
    def check(values: Values) -> str | None:
        value = next(iter(values.values()))
        if (low <= value if low_too else low < value) and value <= high:
            return None
        return f"the value must be {'at least' if low_too else 'above'} {low:g}, at most {high:g}"

    return check


def _finite(values: Values) -> str | None:
    return None if np.isfinite(list(values.values())).all() else "the value must be a number"


def _rank(values: Values) -> str | None:
    first, last = values["first"], values["last"]
    if first < 1 or last < first or first != int(first):
        return "ranks are counted from 1, and the first must not be above the last"
    return None


def _count(values: Values) -> str | None:
    count = values.get("n", 1)
    return None if count >= 1 and count == int(count) else "n must be a whole number from 1"


def _simans(values: Values) -> str | None:
    if not np.isfinite([values["a"], values["b"]]).all() or values["a"] < 0:
        return "a must be a number from 0, b any number"
    return _count(values)


KINDS: dict[str, RuleKind] = {
    "rank": RuleKind(
        "rank:1-30", "only these ranks of the source's list", ("first", "last"), _rank,
        lambda rows, of: (rows.ranks < of["first"]) | (rows.ranks > of["last"]),
        lambda rows, of: rows.ranks.astype(np.float64),
    ),
    "perc-pos": RuleKind(
        "perc-pos:0.95", "nothing above this share of the positive's similarity", ("share",),
        _in(0, 1),
        lambda rows, of: above_share(rows.similarities, rows.reference, of["share"]),
        lambda rows, of: share_of_positive(rows.similarities, rows.reference),
        compares=True, reference=True,
    ),
    "margin": RuleKind(
        "margin:0.05", "nothing nearer than the positive's similarity less this much",
        ("margin",), _finite,
        lambda rows, of: rows.similarities > rows.reference - of["margin"],
        lambda rows, of: rows.reference - rows.similarities,
        compares=True, reference=True,
    ),
    "margin-relative": RuleKind(
        "margin-relative:0.05", "perc-pos, given as what is missing to 1", ("margin",),
        _in(0, 1, low_too=True),
        lambda rows, of: above_share(rows.similarities, rows.reference, 1 - of["margin"]),
        lambda rows, of: 1 - share_of_positive(rows.similarities, rows.reference),
        compares=True, reference=True,
    ),
    "similarity-max": RuleKind(
        "similarity-max:0.8", "nothing nearer to the query under the model", ("most",), _finite,
        lambda rows, of: rows.similarities > of["most"], compares=True,
    ),
    "similarity-min": RuleKind(
        "similarity-min:0.2", "nothing farther from the query under the model", ("least",),
        _finite, lambda rows, of: rows.similarities < of["least"], compares=True,
    ),
    "score-max": RuleKind(
        "score-max:0.8", "nothing with a higher score of its own source", ("most",), _finite,
        lambda rows, of: rows.scores > of["most"],
        lambda rows, of: rows.scores.astype(np.float64),
    ),
    "score-min": RuleKind(
        "score-min:0.2", "nothing with a lower score of its own source", ("least",), _finite,
        lambda rows, of: rows.scores < of["least"],
        lambda rows, of: rows.scores.astype(np.float64),
    ),
    "top": RuleKind("top, top:4", "the first that are left are chosen", ("n",), _count),
    "random": RuleKind("random, random:4", "any that are left, by chance", ("n",), _count),
    "simans": RuleKind(
        "simans:a=0.5,b=0", "by chance, likeliest where similarity - positive's = b",
        ("a", "b", "n"), _simans, compares=True, reference=True,
    ),
}  # fmt: skip
"""Every kind of rule by name."""
