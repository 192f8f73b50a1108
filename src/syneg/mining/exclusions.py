"""Which candidates can be no negatives, whatever the rules: found once, stored as a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.mining.candidates import EXCLUSIONS, Candidates, Codes, Integers, Positives
from syneg.mining.shingles import Print, near_duplicates, text_print

NEAR_DUPLICATE = 0.8
"""From which share of common shingles on two texts count as the same; see `near_duplicates`."""

# Prints of 20 million words are held at a time: 160 MB.
_SHINGLES_HELD = 20_000_000


def exclude_known(
    candidates: Candidates, positives: Positives, dataset: RetrievalDataset
) -> Candidates:
    """Exclude known positives, by id, and documents without text.

    Args:
        candidates: What was found.
        positives: Of the same queries.
        dataset: The corpus.
    """
    width = dataset.corpus.num_rows
    keys = candidates.owners * width + candidates.documents
    known = np.isin(keys, positives.owners * width + positives.documents)
    blank = np.zeros(max(width, 1), bool)
    blank[list(dataset.blank_rows)] = True
    excluded = candidates.excluded.copy()
    excluded[blank[candidates.documents] & (excluded == 0)] = _code("blank")
    excluded[known] = _code("positive")
    return replace(candidates, excluded=excluded)


def exclude_by_text(
    candidates: Candidates,
    positives: Positives,
    dataset: RetrievalDataset,
    *,
    near_duplicate: float | None = NEAR_DUPLICATE,
) -> Candidates:
    """Exclude documents that say what a positive says, or that are the query itself.

    Texts are compared without regard to case, punctuation and spacing; titles belong to them.
    The text of a document without its title is held against the query as well. That a
    document has the query's id means nothing: many data sets number both from 1.

    Args:
        candidates: What was found.
        positives: Of the same queries.
        dataset: Queries and corpus.
        near_duplicate: The threshold of `near_duplicates`; None compares whole texts only.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr."), ("d2", "", "cats PURR"),
        ...                     ("d3", "", "Who purrs?"), ("d4", "", "Dogs bark.")],
        ...     queries=[("q", "who purrs")], qrels={})
        >>> found = Candidates.from_grid("dense", ["q"], np.array([[1, 2, 3]]), np.ones((1, 3)))
        >>> known = Positives(["q"], np.array([0, 1]), np.array([0]))
        >>> codes = exclude_by_text(found, known, data).excluded.tolist()
        >>> [EXCLUSIONS[code - 1] if code else None for code in codes]
        ['same-text', 'query-itself', None]
    """
    excluded = candidates.excluded.copy()
    prints = _Prints(dataset)
    for place, query in enumerate(dataset.query_texts(candidates.query_ids)):
        rows = slice(int(candidates.offsets[place]), int(candidates.offsets[place + 1]))
        open_rows = np.flatnonzero(excluded[rows] == 0) + rows.start
        if not len(open_rows):
            continue
        found = prints.of(candidates.documents[open_rows])
        known = prints.of(positives.of_query(place).documents)
        codes = _text_codes(found, known, near_duplicate)
        itself = text_print(query).text
        own = np.array([itself in (one.text, one.body) for one in found])
        codes[(codes == 0) & own] = _code("query-itself")
        excluded[open_rows] = codes
    return replace(candidates, excluded=excluded)


def exclusion_counts(candidates: Candidates) -> dict[str, int]:
    """Return how many candidates were excluded, by the reason; only reasons that there were."""
    counts = np.bincount(candidates.excluded, minlength=len(EXCLUSIONS) + 1)[1:].tolist()
    return {name: count for name, count in zip(EXCLUSIONS, counts, strict=True) if count}


def _text_codes(
    found: Sequence[Print], known: Sequence[Print], near_duplicate: float | None
) -> Codes:
    codes = np.zeros(len(found), np.int8)
    if not known:
        return codes
    if near_duplicate is not None:
        near = near_duplicates(
            [one.shingles for one in known], [one.shingles for one in found], near_duplicate
        )
        codes[near] = _code("near-duplicate")
    texts = {one.text for one in known}
    codes[np.array([one.text in texts for one in found])] = _code("same-text")
    return codes


class _Prints:
    """The prints of documents, kept while they fit."""

    def __init__(self, dataset: RetrievalDataset) -> None:
        self.dataset = dataset
        self.known: dict[int, Print] = {}
        self.held = 0

    def of(self, documents: Integers) -> list[Print]:
        """Return the print of each document."""
        rows = documents.tolist()
        if self.held > _SHINGLES_HELD:
            self.known.clear()
            self.held = 0
        missing = sorted({row for row in rows if row not in self.known})
        taken = self.dataset.corpus.take(pa.array(missing, pa.int64()))
        titles, texts = taken["title"].to_pylist(), taken["text"].to_pylist()
        for row, title, text in zip(missing, titles, texts, strict=True):
            one = self.known[row] = text_print(text or "", title or "")
            self.held += len(one.shingles) + 16
        return [self.known[row] for row in rows]


def _code(name: str) -> int:
    return EXCLUSIONS.index(name) + 1
