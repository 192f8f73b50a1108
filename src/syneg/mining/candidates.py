"""What searches found for queries, in columns: ids, ranks and scores, never texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from syneg.errors import InputError

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]

EXCLUSIONS = (
    "positive", "same-text", "near-duplicate", "query-itself", "blank", "repeated", "same-source",
)  # fmt: skip
"""Why a candidate can be no negative, whatever the rules: the codes 1, 2, … of `excluded`.

A known positive; a document with the text of one, or nearly; the query's own text; a document
without text; a document that an earlier row of the query names already; a document that was
cut from the same one as a positive.
"""


@dataclass(frozen=True)
class Candidates:
    """The candidates of many queries, one row each; a query's rows lie together, best first.

    Attributes:
        query_ids: The queries.
        offsets: Query i has the rows offsets[i] to offsets[i + 1]; shape (queries + 1).
        documents: Corpus row of each candidate.
        ranks: Rank in its source's list, from 1.
        scores: The source's own score, higher is nearer.
        origins: Place of the source's name in `sources`.
        sources: Names of the sources.
        similarities: Similarity to the query under the model; None where none was computed.
        excluded: 0, or 1 + the place of the reason in `EXCLUSIONS`.

    Example:
        >>> found = Candidates.from_grid("dense", ["q"], np.array([[4, 2, -1]]),
        ...                              np.array([[0.9, 0.7, 0.0]]))
        >>> found.documents.tolist(), found.ranks.tolist(), found.offsets.tolist()
        ([4, 2], [1, 2], [0, 2])
    """

    query_ids: Sequence[str]
    offsets: Integers
    documents: Integers
    ranks: npt.NDArray[np.int32]
    scores: Numbers
    origins: Codes
    sources: tuple[str, ...]
    similarities: Numbers | None
    excluded: Codes

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def counts(self) -> Integers:
        """How many candidates each query has."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> Integers:
        """The place of each row's query among `query_ids`."""
        return np.repeat(np.arange(len(self.query_ids)), self.counts)

    @classmethod
    def from_grid(
        cls,
        source: str,
        query_ids: Sequence[str],
        documents: npt.NDArray[np.integer],
        scores: npt.NDArray[np.floating],
    ) -> Candidates:
        """Return the candidates of a search that found the same number for every query.

        Args:
            source: The source's name.
            query_ids: The queries.
            documents: Corpus rows, shape (queries, depth), best first; -1 where there is none.
            scores: The source's scores, same shape.
        """
        there = documents >= 0
        ranks = np.broadcast_to(np.arange(1, documents.shape[1] + 1), documents.shape)
        return cls._of_source(
            source,
            query_ids,
            np.concatenate([[0], np.cumsum(there.sum(axis=1))]),
            documents[there],
            ranks[there],
            scores[there],
        )

    @classmethod
    def from_rows(
        cls,
        source: str,
        query_ids: Sequence[str],
        owners: npt.NDArray[np.integer],
        documents: npt.NDArray[np.integer],
        scores: npt.NDArray[np.floating],
        ranks: npt.NDArray[np.integer] | None = None,
    ) -> Candidates:
        """Return candidates whose rows come in any order.

        Args:
            source: The source's name.
            query_ids: The queries.
            owners: The place of each row's query among them.
            documents: Corpus rows.
            scores: The source's scores.
            ranks: Ranks in the source's list; None counts them by falling score, and at equal
                scores in the order of the rows.
        """
        by = -np.asarray(scores, np.float64) if ranks is None else np.asarray(ranks)
        order = np.lexsort((by, owners))
        counts = np.bincount(owners, minlength=len(query_ids))
        offsets = np.concatenate([[0], np.cumsum(counts)])
        places = np.arange(len(order)) - np.repeat(offsets[:-1], counts) + 1
        return cls._of_source(
            source,
            query_ids,
            offsets,
            documents[order],
            places if ranks is None else ranks[order],
            scores[order],
        )

    @classmethod
    def _of_source(
        cls,
        source: str,
        query_ids: Sequence[str],
        offsets: npt.NDArray[np.integer],
        documents: npt.NDArray[np.integer],
        ranks: npt.NDArray[np.integer],
        scores: npt.NDArray[np.floating],
    ) -> Candidates:
        return cls(
            query_ids,
            offsets.astype(np.int64),
            documents.astype(np.int64),
            ranks.astype(np.int32),
            scores.astype(np.float32),
            np.zeros(len(documents), np.int8),
            (source,),
            None,
            np.zeros(len(documents), np.int8),
        )

    def taken(self, keep: Mask) -> Candidates:
        """Return the rows in which `keep` is true."""
        return replace(
            self,
            offsets=np.concatenate([[0], np.cumsum(keep)])[self.offsets],
            documents=self.documents[keep],
            ranks=self.ranks[keep],
            scores=self.scores[keep],
            origins=self.origins[keep],
            similarities=None if self.similarities is None else self.similarities[keep],
            excluded=self.excluded[keep],
        )

    def of_query(self, place: int) -> Candidates:
        """Return the candidates of one query alone."""
        rows = np.zeros(len(self), bool)
        rows[self.offsets[place] : self.offsets[place + 1]] = True
        one = self.taken(rows)
        return replace(
            one,
            query_ids=[self.query_ids[place]],
            offsets=np.array([0, len(one)], np.int64),
        )


@dataclass(frozen=True)
class Positives:
    """The known positives of many queries, highest grade first.

    Attributes:
        query_ids: The queries.
        offsets: Query i has the rows offsets[i] to offsets[i + 1].
        documents: Corpus rows.
        similarities: Similarity to the query under the model; None where none was computed.
    """

    query_ids: Sequence[str]
    offsets: Integers
    documents: Integers
    similarities: Numbers | None = None

    @property
    def counts(self) -> Integers:
        """How many positives each query has."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> Integers:
        """The place of each row's query among `query_ids`."""
        return np.repeat(np.arange(len(self.query_ids)), self.counts)

    def of_query(self, place: int) -> Positives:
        """Return the positives of one query alone."""
        rows = slice(int(self.offsets[place]), int(self.offsets[place + 1]))
        similarities = None if self.similarities is None else self.similarities[rows]
        return Positives(
            [self.query_ids[place]],
            np.array([0, rows.stop - rows.start], np.int64),
            self.documents[rows],
            similarities,
        )


def check_same_queries(candidates: Candidates, positives: Positives) -> None:
    """Make sure that candidates and positives are of the same queries, in one order.

    Raises:
        InputError: They are not.
    """
    if list(candidates.query_ids) != list(positives.query_ids):
        raise InputError(
            "the candidates and the positives are not of the same queries in the same order",
            field="query_ids",
            remedy="take both from the same split",
        )
