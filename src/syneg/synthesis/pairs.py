"""Which positive stands for a query when negatives are written for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError, nearest
from syneg.synthesis.attributes import draw_number

Rows = npt.NDArray[np.int64]


class Pair(NamedTuple):
    """A query and the positive that its negatives are written against."""

    query_id: str
    positive_id: str


def first_positives(
    dataset: RetrievalDataset, split: str, query_ids: Collection[str] | None = None
) -> list[Pair]:
    """Return (query_id, positive_id) of each query's first positive, in order of the queries.

    Args:
        dataset: The judgements.
        split: The split whose judgements count.
        query_ids: Only these queries; None means all of the split.

    Raises:
        InputError: One of `query_ids` is not judged in the split.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "a"), ("d2", "", "b")], queries=[("q", "which?")],
        ...     qrels={"train": [("q", "d1", 1), ("q", "d2", 2)]})
        >>> [tuple(pair) for pair in first_positives(data, "train")]
        [('q', 'd2')]
    """
    pairs = first_pairs(dataset, split, query_ids)
    ids = dataset.queries["id"].take(pa.array(pairs.queries)).to_pylist()
    return [Pair(*one) for one in zip(ids, dataset.document_ids(pairs.documents), strict=True)]


@dataclass(frozen=True, slots=True)
class PairRows:
    """Queries with the positive that stands for each, as rows of a data set.

    Attributes:
        queries: Rows of the queries.
        documents: Corpus rows of their positives, same length.
    """

    queries: Rows
    documents: Rows

    def __len__(self) -> int:
        return len(self.queries)

    def shuffled(self, dataset: RetrievalDataset, seed: int) -> PairRows:
        """Return the pairs in an order drawn from the seed and each query's id alone.

        A query that is added takes a place among the others and leaves their order as it was.
        """
        ids = dataset.queries["id"].take(pa.array(self.queries))
        # Read in pieces: a Python string for every query at once would be large.
        drawn = [
            draw_number(seed, one, "order") for chunk in ids.chunks for one in chunk.to_pylist()
        ]
        order = np.argsort(np.array(drawn, np.uint64), kind="stable")
        return PairRows(self.queries[order], self.documents[order])

    def first(self, count: int | None) -> PairRows:
        """Return the first so many pairs; None means all."""
        return self if count is None else PairRows(self.queries[:count], self.documents[:count])


def first_pairs(
    dataset: RetrievalDataset, split: str, query_ids: Collection[str] | None = None
) -> PairRows:
    """Return each query's first positive, in order of the queries' first judgements.

    The first positive has the highest grade and is, among equals, the first of the judgements.
    Queries without any positive are passed over.

    Args:
        dataset: The judgements.
        split: The split whose judgements count.
        query_ids: Only these queries; None means all of the split.

    Raises:
        InputError: One of `query_ids` is not judged in the split, or a query or positive is
            not in the data set.
    """
    rows = dataset.positives(split)
    if query_ids is not None:
        wanted = set(query_ids)
        _refuse_unknown(wanted, dataset.query_ids(split), split)
        kept = pa.array(sorted(wanted), rows.schema.field("query_id").type)
        rows = rows.filter(pc.is_in(rows["query_id"], value_set=kept))
    queries, documents = dataset.query_rows(rows["query_id"]), dataset.document_rows(rows["doc_id"])
    # The sort is stable: of equal grades the first judgement stays in front.
    order = np.lexsort((-rows["grade"].to_numpy(), queries))
    starts = np.flatnonzero(np.diff(queries[order], prepend=-2))
    best = order[starts]
    # Back into the order of the queries' first judgements.
    _, first_met = np.unique(queries, return_index=True)
    best = best[np.argsort(first_met, kind="stable")]
    for name, found in (("query_id", queries[best]), ("doc_id", documents[best])):
        if (found < 0).any():
            place = int(best[np.flatnonzero(found < 0)[0]])
            raise InputError(
                f"a {'query' if name == 'query_id' else 'positive'} is not in the data set's "
                f"{'queries' if name == 'query_id' else 'corpus'}",
                field=name,
                value=rows[name][place].as_py(),
                remedy="repair the judgements or the corpus",
            )
    return PairRows(queries[best], documents[best])


def _refuse_unknown(wanted: set[str], judged: Collection[str], split: str) -> None:
    # Sorted, so that the same query is named every time.
    unknown = sorted(wanted.difference(judged))
    if unknown:
        close = nearest(unknown[0], judged)
        raise InputError(
            f"{len(unknown)} of the queries asked for are not in the split '{split}'",
            field="query_id",
            value=unknown[0],
            remedy=f"did you mean '{close}'?" if close else "name queries of that split",
        )
