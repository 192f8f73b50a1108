"""What every origin of negatives has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.negatives.record import NEGATIVE_SCHEMA, negative_identity


@runtime_checkable
class NegativeSource(Protocol):
    """Proposes negatives for the queries of a split."""

    @property
    def name(self) -> str:
        """What is written in the `source` field of its records."""
        ...  # pragma: no cover

    def propose(self, dataset: RetrievalDataset, split: str) -> pa.Table:
        """Return proposals, columns of `NEGATIVE_SCHEMA`."""
        ...  # pragma: no cover


@dataclass(frozen=True)
class Candidates:
    """What a search found for queries, before anything is left out.

    Attributes:
        query_ids: The queries.
        rows: Corpus rows, shape (queries, depth), best first; -1 where there is none.
        scores: The source's scores, same shape.
    """

    query_ids: list[str]
    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


def known_positives(dataset: RetrievalDataset, split: str) -> dict[str, list[str]]:
    """Return the positives of each query of a split, highest grade first.

    Judgements of other splits are not looked at: what is measured must not shape what is
    trained on.
    """
    found: dict[str, list[str]] = {}
    table = dataset.positives(split)
    order = np.argsort(-table["grade"].to_numpy(), kind="stable")
    table = table.take(order)
    for query_id, doc_id in zip(
        table["query_id"].to_pylist(), table["doc_id"].to_pylist(), strict=True
    ):
        found.setdefault(query_id, []).append(doc_id)
    return found


def propose_found(
    dataset: RetrievalDataset,
    split: str,
    source: str,
    depth: int,
    search: Callable[[list[str], int], Candidates],
) -> pa.Table:
    """Search for the queries of a split and turn what is found into proposals.

    Each query's negatives are proposed against its first positive: the highest grade, then
    the order of the judgements.

    Args:
        dataset: Queries, judgements and corpus.
        split: The split whose queries that have a positive are searched for.
        source: Name of the source.
        depth: Most proposals per query.
        search: Finds, for query ids, so many documents each.
    """
    positives = known_positives(dataset, split)
    references = {query_id: docs[0] for query_id, docs in positives.items()}
    # Deep enough that `depth` are left when all positives and the query itself are taken out.
    most = max((len(docs) for docs in positives.values()), default=0)
    found = search(list(positives), min(dataset.corpus.num_rows, depth + most + 1))
    return to_proposals(dataset, source, found, positives, references, depth)


def to_proposals(
    dataset: RetrievalDataset,
    source: str,
    candidates: Candidates,
    positives: Mapping[str, list[str]],
    references: Mapping[str, str],
    depth: int,
) -> pa.Table:
    """Turn a search's result into proposals: known positives and the query itself left out.

    Args:
        dataset: Whose corpus the rows point into.
        source: Name of the source.
        candidates: What was found.
        positives: Known positives by query.
        references: The positive that each query's negatives are proposed against.
        depth: Most proposals per query; they keep the rank that the search gave them.
    """
    columns: dict[str, list[object]] = {
        name: [] for name in ("negative_id", "query_id", "positive_id", "doc_id", "score", "rank")
    }
    for query_id, rows, scores in zip(
        candidates.query_ids, candidates.rows, candidates.scores, strict=True
    ):
        found = np.flatnonzero(rows >= 0)
        barred = {*positives[query_id], query_id}
        ids = dataset.document_ids(rows[found])
        allowed = [
            place
            for place in range(len(ids))
            if ids[place] not in barred and int(rows[found[place]]) not in dataset.blank_rows
        ][:depth]
        reference = references[query_id]
        for place in allowed:
            doc_id = ids[place]
            columns["negative_id"].append(negative_identity(query_id, reference, source, doc_id))
            columns["query_id"].append(query_id)
            columns["positive_id"].append(reference)
            columns["doc_id"].append(doc_id)
            columns["score"].append(float(scores[found[place]]))
            columns["rank"].append(int(found[place]) + 1)
    size = len(columns["doc_id"])
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in columns
        else pa.array([source] * size, field.type)
        if field.name == "source"
        else pa.nulls(size, field.type)
        for field in NEGATIVE_SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=NEGATIVE_SCHEMA)
