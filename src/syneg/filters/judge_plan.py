"""What is judged in a run: negatives that stand and the probes among them, each text once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.filters.judge_prompt import JudgedText
from syneg.synthesis.attributes import draw_number

Integers = npt.NDArray[np.int64]

_AT_ONCE = 1024
_BEHIND_ALL_RANKS = 2**31


class Purpose(IntEnum):
    """Why a text is judged."""

    CANDIDATE = 0
    """A negative that stands."""
    KNOWN_POSITIVE = 1
    """Judged relevant in the training split."""
    MIDDLE_RANK = 2
    """Retrieved far enough down to be presumed not relevant."""
    RANDOM = 3
    """Drawn by chance from the corpus."""
    REVIEWED_RELEVANT = 4
    """A person called it relevant."""
    REVIEWED_OTHER = 5
    """A person kept it as a negative."""


class QueryGroup(NamedTuple):
    """The texts of one query that are to be judged.

    Attributes:
        query_id: The query.
        query: Its text.
        units: Numbers of the texts, in an order drawn from the seed.
        documents: The texts, in that order.
    """

    query_id: str
    query: str
    units: Integers
    documents: list[JudgedText]


@dataclass(frozen=True)
class JudgePlan:
    """The texts to judge, query by query, each once however many negatives it is.

    Held in columns; texts are fetched when they are asked for.

    Attributes:
        dataset: Queries and corpus.
        negatives: The pool, columns of `NEGATIVE_SCHEMA`.
        query_rows: For each text to judge, the row of its query; texts of a query adjoin.
        corpus_rows: The row of its document; -1 for a synthetic text.
        negative_rows: A row of `negatives` that holds the synthetic text; -1 for a document.
        unit: For each reason to judge a text, the number of the text.
        negative: The row of `negatives` that is the reason; -1 for a probe.
        purpose: The `Purpose`.
        seed: Of the order within a query.
    """

    dataset: RetrievalDataset
    negatives: pa.Table
    query_rows: Integers
    corpus_rows: Integers
    negative_rows: Integers
    unit: Integers
    negative: Integers
    purpose: Integers
    seed: int

    def __len__(self) -> int:
        """Return how many texts there are to judge."""
        return len(self.query_rows)

    @property
    def synthetic(self) -> npt.NDArray[np.bool_]:
        """Tell for each text whether a language model wrote it."""
        return np.asarray(self.corpus_rows < 0)

    def units_for(self, purpose: Purpose, *, synthetic: bool) -> Integers:
        """Return the numbers of the texts of one kind that are judged for one purpose."""
        found: Integers = np.unique(self.unit[self.purpose == purpose])
        wanted: Integers = found[self.synthetic[found] == synthetic]
        return wanted

    def groups(self) -> Iterator[QueryGroup]:
        """Yield the texts query by query; at most some thousand are in memory at once."""
        starts = np.flatnonzero(np.diff(self.query_rows, prepend=-1))
        ends = np.append(starts[1:], len(self))
        begin = 0
        while begin < len(starts):
            most = max(int(ends[begin]), int(starts[begin]) + _AT_ONCE)
            stop = max(begin + 1, int(np.searchsorted(ends, most, side="right")))
            yield from self._fetched(starts[begin:stop], ends[begin:stop])
            begin = stop

    def _fetched(self, starts: Integers, ends: Integers) -> Iterator[QueryGroup]:
        units = np.arange(starts[0], ends[-1])
        keys, documents = self._documents(units)
        rows = self.dataset.queries.take(pa.array(self.query_rows[starts], pa.int64()))
        queries = zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True)
        for (query_id, query), start, end in zip(queries, starts, ends, strict=True):
            first = int(starts[0])
            places = sorted(
                range(int(start) - first, int(end) - first),
                key=lambda place: draw_number(self.seed, query_id, keys[place]),
            )
            yield QueryGroup(query_id, query, units[places], [documents[one] for one in places])

    def _documents(self, units: Integers) -> tuple[list[str], list[JudgedText]]:
        keys, found = [""] * len(units), [JudgedText("", "")] * len(units)
        mined = ~self.synthetic[units]
        for name, places, table, rows in (
            ("id", np.flatnonzero(mined), self.dataset.corpus, self.corpus_rows[units]),
            ("negative_id", np.flatnonzero(~mined), self.negatives, self.negative_rows[units]),
        ):
            taken = table.select([name, "title", "text"]).take(pa.array(rows[places], pa.int64()))
            columns = (taken[column].to_pylist() for column in taken.column_names)
            for place, key, title, text in zip(places, *columns, strict=True):
                keys[place] = f"{name}:{key}"
                found[place] = JudgedText(title or "", text or "")
        return keys, found


def make_plan(
    reasons: pa.Table,
    dataset: RetrievalDataset,
    negatives: pa.Table,
    *,
    mined_per_query: int | None,
    seed: int,
) -> JudgePlan:
    """Bring reasons to judge into a plan.

    Args:
        reasons: One row per reason: query_id, doc_id (null for a synthetic text), negative_id
            (null for a probe), negative (its row; -1 for a probe), rank and purpose.
        dataset: Queries and corpus.
        negatives: The pool.
        mined_per_query: Most documents of a query that are judged as candidates.
        seed: Queries and the texts of each are put into an order drawn from it.

    Raises:
        InputError: A query or a document is not in the data set.
    """
    query_ids, query = _sorted_codes(reasons["query_id"])
    keys, key = _sorted_codes(_keys(reasons))
    text = query * max(len(keys), 1) + key
    purpose = _integers(reasons["purpose"])
    mined = reasons["doc_id"].is_valid().to_numpy()
    if mined_per_query is not None:
        rank = _integers(pc.fill_null(reasons["rank"].cast(pa.int64()), _BEHIND_ALL_RANKS))
        chosen = _within_first(query, text, rank, mined_per_query, mined & (purpose == 0))
        reasons, text, query = reasons.filter(pa.array(chosen)), text[chosen], query[chosen]
        purpose, mined = purpose[chosen], mined[chosen]
    draws = [draw_number(seed, "judge order", one) for one in query_ids.to_pylist()]
    # Ranks, as the draws are too long for the columns.
    turn = np.empty(len(draws), np.int64)
    turn[sorted(range(len(draws)), key=draws.__getitem__)] = np.arange(len(draws))
    width = max(len(keys), 1)
    _, first, unit = np.unique(
        turn[query] * width + text % width, return_index=True, return_inverse=True
    )
    rows = _known_rows(dataset.query_rows(query_ids.to_pylist()), query_ids, "query_id", dataset)
    documents = reasons["doc_id"].take(pa.array(first, pa.int64())).cast(pa.large_string())
    corpus_rows = np.where(mined[first], dataset.document_rows(documents), -1)
    _known_rows(np.where(mined[first], corpus_rows, 0), documents, "doc_id", dataset)
    negative = _integers(reasons["negative"])
    return JudgePlan(
        dataset=dataset,
        negatives=negatives,
        query_rows=rows[query[first]],
        corpus_rows=corpus_rows,
        negative_rows=np.where(mined[first], -1, negative[first]),
        unit=unit,
        negative=negative,
        purpose=purpose,
        seed=seed,
    )


def _within_first(
    query: Integers, text: Integers, rank: Integers, most: int, limited: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Tell which rows are of the first `most` texts of their query by best rank."""
    places = np.flatnonzero(limited)
    texts, first, inverse = np.unique(text[places], return_index=True, return_inverse=True)
    best = np.full(len(texts), np.iinfo(np.int64).max)
    np.minimum.at(best, inverse, rank[places])
    of_query = query[places][first]
    order = np.lexsort((texts, best, of_query))
    starts = np.flatnonzero(np.diff(of_query[order], prepend=-1))
    lengths = np.diff(np.append(starts, len(order)))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order)) - np.repeat(starts, lengths)
    chosen = ~limited
    chosen[places] = number[inverse] < most
    return chosen


def _keys(reasons: pa.Table) -> pa.ChunkedArray:
    # A document and a synthetic text never share a key, whatever their ids.
    document = pc.binary_join_element_wise("d", reasons["doc_id"], "")
    return pc.coalesce(document, pc.binary_join_element_wise("n", reasons["negative_id"], ""))


def _sorted_codes(column: pa.ChunkedArray) -> tuple[pa.Array, Integers]:
    """Return the different values in order and each row's place among them."""
    values = pc.unique(column)
    values = values.take(pc.sort_indices(values))
    return values, _integers(pc.index_in(column, value_set=values))


def _integers(column: pa.ChunkedArray) -> Integers:
    return np.asarray(column.to_numpy(), np.int64)


def _known_rows(
    rows: Integers, ids: pa.Array | pa.ChunkedArray, field: str, dataset: RetrievalDataset
) -> Integers:
    missing = np.flatnonzero(rows < 0)
    if missing.size:
        raise InputError(
            f"'{dataset.name}' has none of this name",
            field=field,
            value=ids[int(missing[0])].as_py(),
            remedy="judge negatives with the data set they were proposed for",
        )
    return rows
