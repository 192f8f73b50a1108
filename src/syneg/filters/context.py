"""What a synthetic negative is judged against: its query and the relevant documents."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.filters.words import Run, runs, words
from syneg.negatives.record import Negative


@dataclass
class Context:
    """The query of some negatives and its relevant documents.

    Attributes:
        query: Text of the query.
        relevant: Title and text of each relevant document, by document id.
        copy_words: Length of the runs of words that `relevant_runs` holds.
    """

    query: str
    relevant: dict[str, str]
    copy_words: int

    @cached_property
    def relevant_runs(self) -> list[Collection[Run]]:
        """For each relevant document, its runs of `copy_words` words."""
        return [set(runs(words(text), self.copy_words)) for text in self.relevant.values()]


def with_contexts(
    negatives: Iterable[Negative], dataset: RetrievalDataset, split: str, copy_words: int
) -> Iterator[tuple[Negative, Context]]:
    """Yield each negative with its context, query by query.

    The relevant documents are those of `split` and the negative's own positive: judgements
    of other splits must not shape what is trained on.

    Raises:
        InputError: A query or positive is not in the data set.
    """
    ordered = sorted(negatives, key=lambda one: one.query_id)
    query_ids = list(dict.fromkeys(one.query_id for one in ordered))
    texts = dict(zip(query_ids, dataset.query_texts(query_ids), strict=True))
    judged = _relevant_ids(dataset, split, query_ids)
    for query_id, group in groupby(ordered, key=lambda one: one.query_id):
        members = list(group)
        ids = dict.fromkeys([*judged.get(query_id, ()), *(one.positive_id for one in members)])
        context = Context(texts[query_id], _document_texts(dataset, list(ids)), copy_words)
        for one in members:
            yield one, context


def _relevant_ids(
    dataset: RetrievalDataset, split: str, query_ids: list[str]
) -> dict[str, list[str]]:
    table = dataset.positives(split)
    asked = pa.array(query_ids, table.schema.field("query_id").type)
    table = table.filter(pc.is_in(table["query_id"], value_set=asked))
    found: dict[str, list[str]] = {}
    columns = table["query_id"].to_pylist(), table["doc_id"].to_pylist()
    for query_id, doc_id in zip(*columns, strict=True):
        found.setdefault(query_id, []).append(doc_id)
    return found


def _document_texts(dataset: RetrievalDataset, ids: list[str]) -> dict[str, str]:
    rows = dataset.document_rows(ids)
    for document_id, row in zip(ids, rows, strict=True):
        if row < 0:
            raise InputError(
                f"'{dataset.name}' has no such document",
                field="positive_id",
                value=document_id,
                remedy="judge negatives with the data set they were written for",
            )
    return dict(zip(ids, dataset.document_texts(rows), strict=True))
