"""What is exported: a query with its positives and negatives, texts and all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syneg.datasets.dataset import join_title

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Passage:
    """A document beside a query.

    Attributes:
        doc_id: Its id.
        title: May be empty.
        text: Without the title.
        similarity: To the query under the model; None where it is not known.
        source: Who found it; None for a positive.
        rank: In the source's list, from 1.
        score: The source's own score.
    """

    doc_id: str
    title: str
    text: str
    similarity: float | None = None
    source: str | None = None
    rank: int | None = None
    score: float | None = None

    @property
    def whole(self) -> str:
        """Title and text, as models read them."""
        return join_title(self.title, self.text)


@dataclass(frozen=True, slots=True)
class Example:
    """One query with what is trained on.

    Attributes:
        query_id: Its id.
        query: Its text.
        positives: At least one.
        negatives: Best first; possibly none.
    """

    query_id: str
    query: str
    positives: Sequence[Passage]
    negatives: Sequence[Passage]


@dataclass
class Skipped:
    """Counts queries that are left out, by the reason.

    Attributes:
        counts: Queries by reason.
    """

    counts: Counter[str] = field(default_factory=Counter)

    def with_negatives(self, examples: Iterable[Example]) -> Iterator[Example]:
        """Yield the examples that have a negative."""
        for one in examples:
            if one.negatives:
                yield one
            else:
                self.counts["without a negative"] += 1

    def with_enough(self, examples: Iterable[Example], negatives: int) -> Iterator[Example]:
        """Yield the examples that have so many negatives."""
        for one in examples:
            if len(one.negatives) >= negatives:
                yield one
            else:
                self.counts[f"with fewer than {negatives} negatives"] += 1
