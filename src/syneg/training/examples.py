"""From a mixture of ids to the columns of texts that the trainer reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset, join_title
from syneg.encoders.encoder import Encoder
from syneg.negatives.record import SYNTHETIC
from syneg.seeding import generator_for

LABEL = "label"
"""The trainer hands a column of this name to the loss beside the texts."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class TrainingExamples:
    """Texts for the trainer, and what the loss must know of them.

    Attributes:
        table: Columns anchor, positive, negative_1 … negative_k, and `LABEL`: the numbers of
            the row's texts, in the order of the columns.
        texts: The text of each number.
        queries: Which numbers are queries' texts.
        generated: Which numbers are synthetic negatives' texts.
        weight: Weight of each text as a negative.
        relevant: For each query's number the numbers of its relevant texts.
        documents: For each text the corpus row of a document that has it, -1 where none is
            known to: the vectors of these are stored.
    """

    table: pa.Table
    texts: list[str]
    queries: np.ndarray[Any, np.dtype[np.bool_]]
    generated: np.ndarray[Any, np.dtype[np.bool_]]
    weight: np.ndarray[Any, np.dtype[np.float32]]
    relevant: dict[int, frozenset[int]]
    documents: npt.NDArray[np.int64]

    def roles(self, starting: Encoder | None = None, *, queries_only: bool = False) -> Any:
        """Return the `TextRoles` for the loss.

        Args:
            starting: The starting model; needed for distillation, None without it.
            queries_only: Leave its vectors of the other texts at zero.
        """
        from syneg.training.loss import TextRoles

        roles = TextRoles(self.generated, self.weight, self.relevant)
        if starting is None:
            return roles
        places = np.flatnonzero(self.queries)
        queries = starting.encode_queries([self.texts[place] for place in places])
        if queries_only:
            vectors = np.zeros((len(self.texts), queries.shape[1]), np.float32)
        else:
            vectors = starting.encode_documents(self.texts)
        vectors[places] = queries
        return replace(roles, starting=vectors)


def training_examples(
    instances: pa.Table,
    negatives: pa.Table,
    dataset: RetrievalDataset,
    *,
    split: str = "train",
    weights: Mapping[str, float] | None = None,
    rewrites: Mapping[Pair, str] | None = None,
    rewrite_share: float = 0.0,
    seed: int = 0,
) -> TrainingExamples:
    """Return the texts of a mixture and what the loss must know of them.

    Args:
        instances: Columns of `syneg.mixing.mixer.INSTANCE_SCHEMA`; every row has the same
            number of negatives. A `positive_id` that is no document is that of a synthetic
            negative which was judged relevant.
        negatives: The pool, columns of `NEGATIVE_SCHEMA`.
        dataset: Texts of the queries and documents.
        split: Its judgements say which texts are never a query's negative.
        weights: Weight of a negative by its id; 1 where there is none.
        rewrites: For a (query, positive) the same document in a language model's words.
        rewrite_share: In this share of the instances that have one, the rewrite takes the
            positive's place, in [0, 1].
        seed: Of that draw.

    Example:
        >>> from syneg.mixing.mixer import INSTANCE_SCHEMA
        >>> from syneg.negatives.record import Negative, to_table
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr.")], queries=[("q1", "Who purrs?")],
        ...     qrels={"train": [("q1", "d1", 1)]})
        >>> pool = to_table([Negative(negative_id="n", query_id="q1", positive_id="d1",
        ...                           source="llm", title="Dogs", text="bark.")])
        >>> rows = pa.Table.from_pylist([{"query_id": "q1", "positive_id": "d1",
        ...     "negative_ids": ["n"], "sources": ["llm"]}], schema=INSTANCE_SCHEMA)
        >>> examples = training_examples(rows, pool, data)
        >>> examples.table.select(["anchor", "positive", "negative_1"]).to_pylist()
        [{'anchor': 'Who purrs?', 'positive': 'Cats purr.', 'negative_1': 'Dogs bark.'}]
        >>> examples.generated.tolist()
        [False, False, True]
    """
    query_ids = instances["query_id"].to_pylist()
    positive_ids = instances["positive_id"].to_pylist()
    columns: dict[str, list[str]] = {
        "anchor": dataset.query_texts(query_ids),
        "positive": _positive_texts(positive_ids, negatives, dataset),
    }
    numbers = _Numbers()
    relevant = _relevant(instances, dataset, split, numbers)
    rows_of = dataset.document_rows(positive_ids).tolist()
    for query, positive, row in zip(columns["anchor"], columns["positive"], rows_of, strict=True):
        # What was relabelled is in no judgement.
        relevant[numbers.of(query)].add(numbers.of(positive, row))
    pairs = list(zip(query_ids, positive_ids, strict=True))
    for place, pair in enumerate(pairs):
        rewrite = (rewrites or {}).get(pair)
        if rewrite is None:
            continue
        relevant[numbers.of(columns["anchor"][place])].add(numbers.of(rewrite))
        if generator_for(seed, "rewrite", *pair).random() < rewrite_share:
            columns["positive"][place] = rewrite
    rows = instances["negative_ids"].to_pylist()
    sources = instances["sources"].to_pylist()
    texts, rows_by_id = _negative_texts({one for row in rows for one in row}, negatives, dataset)
    for negative_id, row in rows_by_id.items():
        numbers.of(texts[negative_id], row)
    for place in range(len(rows[0]) if rows else 0):
        columns[f"negative_{place + 1}"] = [texts[row[place]] for row in rows]
    label = np.array([[numbers.of(text) for text in column] for column in columns.values()])
    table = pa.table(columns)
    table = table.append_column(LABEL, pa.array(label.T.tolist(), pa.list_(pa.int64())))
    generated = np.zeros(len(numbers.texts), bool)
    weight = np.ones(len(numbers.texts), np.float32)
    for row, row_sources in zip(rows, sources, strict=True):
        for negative_id, source in zip(row, row_sources, strict=True):
            number = numbers.of(texts[negative_id])
            generated[number] = source == SYNTHETIC
            weight[number] = (weights or {}).get(negative_id, 1.0)
    is_query = np.zeros(len(numbers.texts), bool)
    is_query[label[0]] = True
    return TrainingExamples(
        table,
        numbers.texts,
        is_query,
        generated,
        weight,
        {query: frozenset(known) for query, known in relevant.items()},
        np.array(numbers.rows, np.int64),
    )


class _Numbers:
    """Gives every text a number; equal texts get the same one."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.rows: list[int] = []
        self._known: dict[str, int] = {}

    def of(self, text: str, row: int = -1) -> int:
        """Return a text's number, and remember the corpus row of a document that has it."""
        number = self._known.setdefault(text, len(self.texts))
        if number == len(self.texts):
            self.texts.append(text)
            self.rows.append(row)
        elif self.rows[number] < 0:
            self.rows[number] = row
        return number


def _relevant(
    instances: pa.Table, dataset: RetrievalDataset, split: str, numbers: _Numbers
) -> dict[int, set[int]]:
    """Return for each query's text the texts that the split's judgements call relevant to it."""
    trained = set(instances["query_id"].to_pylist())
    judged = dataset.positives(split)
    found: dict[int, set[int]] = defaultdict(set)
    pairs = [
        (query_id, doc_id)
        for query_id, doc_id in zip(
            judged["query_id"].to_pylist(), judged["doc_id"].to_pylist(), strict=True
        )
        if query_id in trained
    ]
    queries = dataset.query_texts([query_id for query_id, _ in pairs])
    rows = dataset.document_rows([doc_id for _, doc_id in pairs])
    texts = dataset.document_texts(rows)
    for query, text, row in zip(queries, texts, rows.tolist(), strict=True):
        found[numbers.of(query)].add(numbers.of(text, row))
    return found


def _positive_texts(ids: list[str], negatives: pa.Table, dataset: RetrievalDataset) -> list[str]:
    rows = dataset.document_rows(ids)
    # A synthetic text that was judged relevant goes by its id in the pool.
    written = {one for one, row in zip(ids, rows, strict=True) if row < 0}
    texts, _ = _negative_texts(written, negatives, dataset)
    known = [one for one in ids if one not in written]
    texts.update(zip(known, dataset.document_texts(dataset.document_rows(known)), strict=True))
    return [texts[one] for one in ids]


def _negative_texts(
    wanted: set[str], negatives: pa.Table, dataset: RetrievalDataset
) -> tuple[dict[str, str], dict[str, int]]:
    """Return the text of each negative, and the corpus row of those that are documents."""
    # Few of a pool's rows are trained on: the others' texts must not become objects.
    ids = pa.array(sorted(wanted), negatives.schema.field("negative_id").type)
    negatives = negatives.filter(pc.is_in(negatives["negative_id"], value_set=ids))
    texts: dict[str, str] = {}
    documents: dict[str, str] = {}
    columns = ("negative_id", "doc_id", "title", "text")
    for negative_id, doc_id, title, text in zip(
        *(negatives[name].to_pylist() for name in columns), strict=True
    ):
        if doc_id is None:
            texts[negative_id] = join_title(title, text)
        else:
            documents[negative_id] = doc_id
    rows = dataset.document_rows(list(documents.values()))
    texts.update(zip(documents, dataset.document_texts(rows), strict=True))
    return texts, dict(zip(documents, rows.tolist(), strict=True))
