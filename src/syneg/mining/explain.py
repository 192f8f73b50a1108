"""Why a query has the negatives it has: every candidate with what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from syneg.errors import InputError, nearest
from syneg.mining.alone import Mined
from syneg.mining.candidates import EXCLUSIONS, Candidates
from syneg.mining.references import reference_similarities
from syneg.mining.selection import Selection, rule_verdicts

LONGEST = 400
"""Signs of a text that are kept to be shown."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One document beside a query.

    Attributes:
        doc_id: Its id.
        source: Who found it; "positive" for a known one.
        rank: In the source's list, from 1; None for a positive.
        score: The source's own; None for a positive.
        similarity: To the query under the model; None where it is not known.
        against: What speaks against it: an exclusion, or every rule that would remove it.
        chosen: Whether it is one of the query's negatives.
        text: The beginning of title and text.
    """

    doc_id: str
    source: str
    rank: int | None
    score: float | None
    similarity: float | None
    against: tuple[str, ...]
    chosen: bool
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A query with its positives and candidates.

    Attributes:
        query_id: Its id.
        query: Its text.
        reference: The similarity that candidates are held against; None where none is needed.
        positives: Highest grade first.
        candidates: Best first.
    """

    query_id: str
    query: str
    reference: float | None
    positives: list[Explained]
    candidates: list[Explained]


def explain(mined: Mined, query_id: str) -> Explanation:
    """Return a query's candidates with what became of each.

    Raises:
        InputError: There is no such query among those that were mined for.
    """
    place = find_query(query_id, list(mined.positives.query_ids), mined.dataset.name)
    positives = mined.positives.of_query(place)
    selection = _of_query(mined.selection, place)
    dataset, found = mined.dataset, selection.candidates
    reference = None
    if any(rule.kind.reference for rule in selection.rules):
        reference = float(reference_similarities(positives, mined.reference)[0])
    names = [rule.text for rule in selection.rules if not rule.kind.sampler]
    verdicts = rule_verdicts(selection, positives, mined.reference)
    texts = dataset.document_texts(found.documents)
    ids = dataset.document_ids(found.documents)
    candidates = [
        Explained(
            ids[row],
            found.sources[found.origins[row]],
            int(found.ranks[row]),
            float(found.scores[row]),
            None if found.similarities is None else float(found.similarities[row]),
            (EXCLUSIONS[found.excluded[row] - 1],)
            if found.excluded[row]
            else tuple(name for name, mask in zip(names, verdicts, strict=True) if mask[row]),
            bool(selection.chosen[row]),
            texts[row][:LONGEST],
        )
        for row in range(len(found))
    ]
    return Explanation(
        query_id,
        dataset.query_texts([query_id])[0],
        reference,
        _positives(mined, place),
        candidates,
    )


def find_query(query_id: str, known: list[str], dataset: str) -> int:
    """Return the place of a query among those that are known.

    Raises:
        InputError: There is no such query; the nearest id is named.
    """
    if query_id in known:
        return known.index(query_id)
    close = nearest(query_id, known[:100_000])
    raise InputError(
        f"no negatives were mined for such a query of '{dataset}'",
        field="query_id",
        value=query_id,
        remedy=f"did you mean '{close}'?" if close else "name a query that has a positive in "
        "the split (--split)",
    )  # fmt: skip


def _of_query(selection: Selection, place: int) -> Selection:
    offsets = selection.candidates.offsets
    rows = slice(int(offsets[place]), int(offsets[place + 1]))
    one: Candidates = selection.candidates.of_query(place)
    return Selection(
        one,
        selection.rules,
        selection.wanted,
        selection.removed_by[rows],
        np.array(selection.chosen[rows]),
    )


def _positives(mined: Mined, place: int) -> list[Explained]:
    one = mined.positives.of_query(place)
    ids = mined.dataset.document_ids(one.documents)
    texts = mined.dataset.document_texts(one.documents)
    near = [None] * len(ids) if one.similarities is None else one.similarities.tolist()
    return [
        Explained(doc_id, "positive", None, None, similarity, (), False, text[:LONGEST])
        for doc_id, similarity, text in zip(ids, near, texts, strict=True)
    ]
