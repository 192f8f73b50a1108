"""Which of the generated queries are kept: columns in, columns out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.synthesis.queries_answers import WrittenQuery
from syneg.synthesis.queries_checks import Drop, Verdict, check_query, check_repetition
from syneg.synthesis.queries_output import GENERATED_SCHEMA
from syneg.synthesis.round_trip import Retriever, round_trip

_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Origin:
    """What wrote the queries.

    Attributes:
        model: The model's name.
        prompt: The prompt's fingerprint.
    """

    model: str
    prompt: str


def written_table(queries: Iterable[WrittenQuery], origin: Origin) -> pa.Table:
    """Return queries as columns of `GENERATED_SCHEMA`; what is not known yet is null."""
    batches = [_as_batch(part, origin) for part in _parts(queries)]
    return pa.Table.from_batches(batches, schema=GENERATED_SCHEMA)


def judged(
    generated: pa.Table, dataset: RetrievalDataset, retriever: Retriever, *, top: int, depth: int
) -> pa.Table:
    """Return the table with ranks, and why a query is dropped.

    Every query that has a text is sent on the round trip, whatever else is wrong with it. The
    reason that is written down is the first of: the query itself, its sameness with another,
    the round trip.

    Args:
        generated: From `written_table`.
        dataset: The corpus, and the queries that the data set has already.
        retriever: What the round trip is made with.
        top: A query is kept when its rank is at most this.
        depth: How many documents are looked at.
    """
    verdicts = _verdicts(generated, dataset)
    asked = generated.filter(pc.is_valid(generated["text"])).select(["query_id", "doc_id", "text"])
    ids, doc_ids, texts = (column.to_pylist() for column in asked.columns)
    found = dict(zip(ids, round_trip(dataset, texts, doc_ids, retriever, depth=depth), strict=True))
    for query_id, one in found.items():
        if one.rank is None or one.rank > top:
            place = f"rank {one.rank}" if one.rank else f"not among the first {depth}"
            verdicts.setdefault(query_id, Verdict(Drop.NOT_FOUND, f"{place}, not {top} or better"))
    names = generated["query_id"].to_pylist()
    columns: Mapping[str, Sequence[object]] = {
        "dropped": [verdicts[one].drop.value if one in verdicts else None for one in names],
        "detail": [verdicts[one].detail if one in verdicts else None for one in names],
        "rank": [found[one].rank if one in found else None for one in names],
        "raw_rank": [found[one].raw_rank if one in found else None for one in names],
        "retriever": [retriever.name if one in found else None for one in names],
    }
    return with_columns(generated, columns)


def with_columns(table: pa.Table, columns: Mapping[str, Sequence[object]]) -> pa.Table:
    """Return a table of `GENERATED_SCHEMA` with some columns replaced."""
    for name, values in columns.items():
        number = GENERATED_SCHEMA.get_field_index(name)
        kind = GENERATED_SCHEMA.field(number)
        table = table.set_column(number, kind, pa.array(values, kind.type))
    return table


def _verdicts(generated: pa.Table, dataset: RetrievalDataset) -> dict[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    names = ["query_id", "doc_id", "type", "text", "dropped", "detail"]
    for batch in generated.select(names).to_batches(max_chunksize=_BATCH):
        rows = pa.array(dataset.document_rows(batch.column("doc_id").to_pylist()))
        documents = dataset.corpus.take(rows)
        columns = [*batch.columns, documents["title"], documents["text"]]
        values = (column.to_pylist() for column in columns)
        for query_id, _, kind, text, dropped, detail, title, document in zip(*values, strict=True):
            if dropped is not None:
                verdicts[query_id] = Verdict(Drop(dropped), detail)
            elif found := check_query(text, kind, title or "", document or ""):
                verdicts[query_id] = found
    same = check_repetition(_texts(generated), dataset.queries["text"].to_pylist())
    return {**same, **verdicts}


def _texts(generated: pa.Table) -> Iterator[tuple[str, str, str]]:
    table = generated.select(["query_id", "doc_id", "text"])
    for batch in table.filter(pc.is_valid(table["text"])).to_batches(max_chunksize=_BATCH):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _parts(queries: Iterable[WrittenQuery]) -> Iterator[list[WrittenQuery]]:
    part: list[WrittenQuery] = []
    for one in queries:
        part.append(one)
        if len(part) == _BATCH:
            yield part
            part = []
    if part:
        yield part


def _as_batch(part: Sequence[WrittenQuery], origin: Origin) -> pa.RecordBatch:
    known = {
        "query_id": [one.query_id for one in part],
        "doc_id": [one.doc_id for one in part],
        "type": [one.type for one in part],
        "text": [one.text for one in part],
        "request": [one.request for one in part],
        "dropped": [None if one.drop is None else one.drop.value for one in part],
        "detail": [one.detail for one in part],
        "model": [origin.model] * len(part),
        "prompt": [origin.prompt] * len(part),
    }
    arrays = [
        pa.array(known[kind.name], kind.type)
        if kind.name in known
        else pa.nulls(len(part), kind.type)
        for kind in GENERATED_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=GENERATED_SCHEMA)
