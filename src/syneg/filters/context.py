"""What a synthetic negative is judged against: its query, relevant and mined documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.filters.verdict_rows import texts_hash
from syneg.filters.words import different_runs, words
from syneg.negatives.record import NEGATIVE_SCHEMA

Numbers = npt.NDArray[np.int64]
_REMEMBERED = 2_048
_EMPTY = NEGATIVE_SCHEMA.empty_table()


@dataclass
class Context:
    """The query of some negatives and the documents that they must not copy.

    Attributes:
        query: Text of the query.
        relevant: Title and text of each relevant document, by document id.
        candidates: Title and text of the nearest mined documents, by document id.
        copy_words: Length of the runs of words that are compared.
    """

    query: str
    relevant: dict[str, str]
    candidates: dict[str, str] = field(default_factory=dict)
    copy_words: int = 5

    @cached_property
    def query_words(self) -> list[str]:
        """Words of the query."""
        return words(self.query)

    @cached_property
    def relevant_words(self) -> dict[str, list[str]]:
        """Words of each relevant document, by document id."""
        return {name: words(text) for name, text in self.relevant.items()}

    @cached_property
    def relevant_runs(self) -> list[set[int]]:
        """For each relevant document, its runs of `copy_words` words."""
        return [different_runs(found, self.copy_words) for found in self.relevant_words.values()]

    @cached_property
    def candidate_runs(self) -> dict[str, set[int]]:
        """For each mined document, its runs of `copy_words` words, by document id."""
        return {
            name: _document_runs(text, self.copy_words) for name, text in self.candidates.items()
        }

    @cached_property
    def relevant_hash(self) -> str:
        """Hash of the query and its relevant documents."""
        return texts_hash([self.query, *_flat(self.relevant)])

    @cached_property
    def candidates_hash(self) -> str:
        """Hash of the mined documents."""
        return texts_hash(_flat(self.candidates))


@lru_cache(maxsize=_REMEMBERED)
def _document_runs(text: str, length: int) -> set[int]:
    # A document that was mined for one query was often mined for the next one too.
    return different_runs(words(text), length)


def _flat(documents: dict[str, str]) -> list[str]:
    return [part for item in sorted(documents.items()) for part in item]


class Contexts:
    """The contexts of all queries of a pool, looked up in columns and read one by one.

    The relevant documents of a query are those of `split` and its negatives' own positives:
    judgements of other splits must not shape what is trained on.

    Args:
        negatives: Rows with `query_id` and `positive_id`, sorted by query_id.
        dataset: The data set that they were written for.
        split: Split whose judgements count.
        copy_words: Length of the runs of words that are compared.
        mined: Rows with `NEGATIVE_SCHEMA` that name documents, None: no candidates.
        most_candidates: So many candidates of each query, the nearest.

    Raises:
        InputError: A query or document is not in the data set.
    """

    def __init__(
        self,
        negatives: pa.Table,
        dataset: RetrievalDataset,
        split: str,
        *,
        copy_words: int = 5,
        mined: pa.Table | None = None,
        most_candidates: int = 0,
    ) -> None:
        self.query_ids = pc.unique(negatives["query_id"])
        self._dataset = dataset
        self._copy_words = copy_words
        asked = pa.chunked_array([self.query_ids.cast(pa.large_string())])
        self._query_rows = _known(dataset.query_rows(asked), asked, dataset, "query_id")
        judged = dataset.positives(split).select(["query_id", "doc_id"])
        own = negatives.select(["query_id", "positive_id"]).rename_columns(judged.column_names)
        relevant = pa.concat_tables([judged, own.cast(judged.schema)])
        self._relevant = self._documents(relevant, "positive_id")
        nearest = _EMPTY if mined is None or not most_candidates else mined
        self._candidates = self._documents(nearest, "doc_id", most_candidates)

    def of(self, query_ids: list[str]) -> Iterator[Context]:
        """Yield the context of each query id of sorted ones; neighbours share theirs."""
        codes = pc.index_in(pa.array(query_ids, self.query_ids.type), value_set=self.query_ids)
        numbers = codes.to_numpy(zero_copy_only=False)
        queries = np.unique(numbers)
        texts = self._texts(queries)
        rows = pa.array(self._query_rows[queries])
        named = self._dataset.queries["text"].take(rows).to_pylist()
        query_texts = dict(zip(queries.tolist(), named, strict=True))
        last, context = -1, Context("", {})
        for code in numbers.tolist():
            if code != last:
                last = code
                relevant = dict(texts[row] for row in self._relevant.of(code))
                candidates = dict(texts[row] for row in self._candidates.of(code))
                context = Context(query_texts[code], relevant, candidates, self._copy_words)
            yield context

    def _texts(self, queries: Numbers) -> dict[int, tuple[str, str]]:
        """Return id and text of every document of some queries, by corpus row."""
        every = [links.of(code) for code in queries for links in (self._relevant, self._candidates)]
        rows = sorted({row for found in every for row in found})
        texts = self._dataset.document_texts(rows)
        pairs = zip(self._dataset.document_ids(rows), texts, strict=True)
        return dict(zip(rows, pairs, strict=True))

    def _documents(self, pairs: pa.Table, name: str, most: int | None = None) -> _Links:
        """Return the documents of each query, each once; with `most` the nearest so many."""
        asked = pairs["query_id"].cast(self.query_ids.type)
        codes = pc.fill_null(pc.index_in(asked, value_set=self.query_ids), -1).to_numpy()
        usable = pc.and_(pa.chunked_array([pa.array(codes >= 0)]), pc.is_valid(pairs["doc_id"]))
        pairs, codes = pairs.filter(usable), codes[usable.to_numpy()]
        ids = pairs["doc_id"].cast(pa.large_string())
        rows = _known(self._dataset.document_rows(ids), ids, self._dataset, name)
        if most is not None:
            order = np.lexsort((rows, *_nearness(pairs), codes))
            codes, rows = codes[order], rows[order]
        size = max(self._dataset.corpus.num_rows, 1)
        _, first = np.unique(codes.astype(np.int64) * size + rows, return_index=True)
        first.sort()
        codes, rows = codes[first], rows[first]
        order = np.argsort(codes, kind="stable")
        return _Links(
            rows[order], np.searchsorted(codes[order], range(len(self.query_ids) + 1)), most
        )


@dataclass(frozen=True)
class _Links:
    """Corpus rows by number of the query: those of query n stand from starts[n] on."""

    rows: Numbers
    starts: Numbers
    most: int | None

    def of(self, code: int) -> list[int]:
        found: list[int] = self.rows[self.starts[code] : self.starts[code + 1]].tolist()
        return found[: self.most]


def _known(rows: Numbers, ids: pa.ChunkedArray, dataset: RetrievalDataset, name: str) -> Numbers:
    missing = np.flatnonzero(rows < 0)
    if missing.size:
        kind = "query" if name == "query_id" else "document"
        raise InputError(
            f"'{dataset.name}' has no such {kind}",
            field=name,
            value=ids[int(missing[0])].as_py(),
            remedy="judge negatives with the data set they were written for",
        )
    return rows


def _nearness(mined: pa.Table) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return sorting keys, the last the first to count: rank, then similarity, nearest first."""
    rank = pc.fill_null(mined["rank"].cast(pa.float64()), np.inf).to_numpy()
    similarity = pc.fill_null(mined["query_similarity"].cast(pa.float64()), -np.inf).to_numpy()
    return rank, -similarity
