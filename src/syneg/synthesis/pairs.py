"""Which positive stands for a query when negatives are written for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError, nearest


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
    wanted = None if query_ids is None else set(query_ids)
    if wanted is not None:
        judged = dataset.query_ids(split)
        _refuse_unknown(wanted, judged, split)
    best: dict[str, tuple[int, str]] = {}
    rows = dataset.positives(split).select(["query_id", "doc_id", "grade"])
    for batch in rows.to_batches():
        columns = (column.to_pylist() for column in batch.columns)
        for query_id, doc_id, grade in zip(*columns, strict=True):
            if wanted is not None and query_id not in wanted:
                continue
            if query_id not in best or grade > best[query_id][0]:
                best[query_id] = (grade, doc_id)
    return [Pair(query_id, doc_id) for query_id, (_, doc_id) in best.items()]


def _refuse_unknown(wanted: set[str], judged: Collection[str], split: str) -> None:
    unknown = sorted(wanted.difference(judged))
    if unknown:
        close = nearest(unknown[0], judged)
        raise InputError(
            f"{len(unknown)} of the queries asked for are not in the split '{split}'",
            field="query_id",
            value=unknown[0],
            remedy=f"did you mean '{close}'?" if close else "name queries of that split",
        )
