"""A retrieval data set in memory-mapped columns: corpus, queries and judgements."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.errors import InputError
from syneg.files import value_hash

CORPUS_SCHEMA = pa.schema(
    [("id", pa.large_string()), ("title", pa.large_string()), ("text", pa.large_string())]
)
QUERIES_SCHEMA = pa.schema([("id", pa.large_string()), ("text", pa.large_string())])
QRELS_SCHEMA = pa.schema(
    [("query_id", pa.large_string()), ("doc_id", pa.large_string()), ("grade", pa.int32())]
)

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RetrievalDataset:
    """A corpus, its queries, and which documents are relevant to which query.

    Everything is held in Arrow columns; rows are addressed by number, documents and queries
    are named by id.

    Attributes:
        name: Short name for reports.
        corpus: Columns of `CORPUS_SCHEMA`, one row per document; the title may be "".
        queries: Columns of `QUERIES_SCHEMA`.
        qrels: Columns of `QRELS_SCHEMA` by split name; a grade above 0 means relevant.
        notes: Counted oddities met while reading, for the report.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "Cats", "Cats purr."), ("d2", "", "Dogs bark.")],
        ...     queries=[("q1", "Which animal purrs?")], qrels={"test": [("q1", "d1", 1)]})
        >>> data.document_texts([0, 1])
        ['Cats Cats purr.', 'Dogs bark.']
        >>> data.query_ids("test")
        ['q1']
    """

    name: str
    corpus: pa.Table
    queries: pa.Table
    qrels: Mapping[str, pa.Table]
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def from_rows(
        cls,
        name: str,
        *,
        corpus: Iterable[tuple[str, str, str]],
        queries: Iterable[tuple[str, str]],
        qrels: Mapping[str, Iterable[tuple[str, str, int]]],
    ) -> RetrievalDataset:
        """Build a small data set from tuples in the order of the schemas' columns."""
        return cls(
            name,
            _table(corpus, CORPUS_SCHEMA),
            _table(queries, QUERIES_SCHEMA),
            {split: _table(rows, QRELS_SCHEMA) for split, rows in qrels.items()},
        )

    @property
    def splits(self) -> list[str]:
        """Names of the splits that have judgements."""
        return list(self.qrels)

    def judgements(self, split: str) -> pa.Table:
        """Return the judgements of a split.

        Raises:
            InputError: There is no such split; the message names those there are.
        """
        if split not in self.qrels:
            raise InputError(
                f"the data set '{self.name}' has no such split",
                field="split",
                value=split,
                remedy=f"it has: {', '.join(self.splits) or 'none'}",
            )
        return self.qrels[split]

    def positives(self, split: str) -> pa.Table:
        """Return the rows of `judgements(split)` whose grade is above 0."""
        table = self.judgements(split)
        return table.filter(pc.greater(table["grade"], 0))

    def query_ids(self, split: str) -> list[str]:
        """Return the ids of the queries judged in a split, in order of first appearance."""
        ids: list[str] = pc.unique(self.judgements(split)["query_id"]).to_pylist()
        return ids

    def document_rows(self, ids: Sequence[str] | pa.ChunkedArray) -> Rows:
        """Return the corpus row of each document id; -1 where there is none."""
        return _rows(ids, self._document_ids)

    def query_rows(self, ids: Sequence[str] | pa.ChunkedArray) -> Rows:
        """Return the row in `queries` of each query id; -1 where there is none."""
        return _rows(ids, self._query_ids)

    def document_ids(self, rows: Sequence[int] | Rows) -> list[str]:
        """Return the ids of the documents in the given corpus rows."""
        ids: list[str] = self._document_ids.take(pa.array(rows, pa.int64())).to_pylist()
        return ids

    def document_texts(self, rows: Sequence[int] | Rows) -> list[str]:
        """Return title and text of the given corpus rows, joined by a space, as models read it."""
        taken = self.corpus.take(pa.array(rows, pa.int64()))
        titles, texts = taken["title"].to_pylist(), taken["text"].to_pylist()
        return [join_title(title, text) for title, text in zip(titles, texts, strict=True)]

    def query_texts(self, ids: Sequence[str]) -> list[str]:
        """Return the texts of the queries with the given ids.

        Raises:
            InputError: An id is not among the queries.
        """
        rows = self.query_rows(ids)
        if (rows < 0).any():
            missing = ids[int(np.flatnonzero(rows < 0)[0])]
            raise InputError(f"'{self.name}' has no such query", field="query_id", value=missing)
        texts: list[str] = self.queries["text"].take(pa.array(rows)).to_pylist()
        return texts

    def with_qrels(self, qrels: Mapping[str, pa.Table]) -> RetrievalDataset:
        """Return the same corpus and queries with other judgements."""
        return replace(self, qrels=dict(qrels))

    def fingerprint(self) -> str:
        """Return a hash of all ids, texts and judgements, whatever the files' layout."""
        splits = sorted(self.splits)
        tables = [self.corpus, self.queries, *(self.qrels[split] for split in splits)]
        return value_hash([splits, *(_content_hash(table) for table in tables)])

    @cached_property
    def blank_rows(self) -> frozenset[int]:
        """Corpus rows of documents without any text."""
        blank = pc.and_(
            pc.equal(pc.utf8_trim_whitespace(self.corpus["title"]), ""),
            pc.equal(pc.utf8_trim_whitespace(self.corpus["text"]), ""),
        )
        return frozenset(np.flatnonzero(np.asarray(blank.to_numpy())).tolist())

    @cached_property
    def _document_ids(self) -> pa.Array:
        return _combined(self.corpus["id"])

    @cached_property
    def _query_ids(self) -> pa.Array:
        return _combined(self.queries["id"])


def join_title(title: str | None, text: str | None) -> str:
    """Return title and text as one string, the way the BEIR benchmark joins them.

    Example:
        >>> join_title("", "Only text"), join_title("Title", "text")
        ('Only text', 'Title text')
    """
    return f"{title or ''} {text or ''}".strip()


def _table(rows: Iterable[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _combined(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined


def _rows(ids: Sequence[str] | pa.ChunkedArray, known: pa.Array) -> Rows:
    wanted = ids if isinstance(ids, pa.ChunkedArray) else pa.array(list(ids), pa.large_string())
    found = pc.fill_null(pc.index_in(wanted, value_set=known), -1)
    return np.asarray(found.to_numpy(), dtype=np.int64)


def _content_hash(table: pa.Table) -> str:
    # Hash values, not buffers: slices and chunking must not change the result.
    digest = hashlib.sha256()
    for batch in table.to_batches(max_chunksize=8192):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            digest.update(json.dumps(row).encode("ascii"))
    return digest.hexdigest()
