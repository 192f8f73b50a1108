"""What queries are generated from: a corpus, with or without queries, and examples."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from syneg.datasets.beir import json_lines_file, read_records
from syneg.datasets.chunking_folder import CHUNKS
from syneg.datasets.columns import Sourced
from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.lines import json_object, numbered_lines
from syneg.datasets.load import load_dataset
from syneg.datasets.validation import checked_dataset
from syneg.errors import InputError, nearest
from syneg.synthesis.attributes import draw_number
from syneg.synthesis.pairs import first_positives
from syneg.synthesis.queries_prompt import QueryExample

TRAIN = "train"
NO_SPLIT = "none"


@dataclass(frozen=True)
class QueryCorpus:
    """A corpus, and what is known about it.

    Attributes:
        dataset: The corpus, with the queries and judgements that there are.
        corpus_file: The file of the corpus; None where it came from elsewhere.
        chunks_file: The table of `syneg chunk` that says which documents are parts of one.
        notes: What was passed over, one sentence each.
    """

    dataset: RetrievalDataset
    corpus_file: Path | None
    chunks_file: Path | None
    notes: tuple[str, ...] = ()

    def sources_of(self, doc_ids: Collection[str]) -> dict[str, str]:
        """Return the document that each of some chunks was cut from; others are their own."""
        return {**{one: one for one in doc_ids}, **dict(self._chunks("chunk_id", doc_ids))}

    def with_siblings(self, doc_ids: Collection[str]) -> set[str]:
        """Return some documents with all other chunks of the documents that they were cut from."""
        sources = set(self.sources_of(doc_ids).values())
        return {*doc_ids, *(chunk_id for chunk_id, _ in self._chunks("source_id", sources))}

    def _chunks(self, column: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield (chunk id, source id) of the chunks that have one of the names in a column."""
        if self.chunks_file is None or not names:
            return
        wanted = pa.array(sorted(names), pa.large_string())
        file = pq.ParquetFile(self.chunks_file)
        for batch in file.iter_batches(columns=["chunk_id", "source_id"]):
            part = batch.filter(pc.is_in(batch.column(column), value_set=wanted))
            ids = part.column("chunk_id").to_pylist(), part.column("source_id").to_pylist()
            yield from zip(*ids, strict=True)


def read_query_corpus(
    location: str, *, skip_unknown: bool = False, offline: bool = False
) -> QueryCorpus:
    """Read whatever holds a corpus.

    Args:
        location: The file of a corpus (JSON lines, may be gzipped), a BEIR folder with or
            without queries and judgements, `hub:OWNER/NAME` or `pydocs`.
        skip_unknown: Leave out judgements that name unknown ids.
        offline: Do not ask the Hub.

    Raises:
        InputError: There is no such thing, or something in it is wrong.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "corpus.jsonl"
        >>> _ = path.write_text('{"_id": "d1", "text": "Cats purr when they are content."}')
        >>> corpus = read_query_corpus(str(path))
        >>> corpus.dataset.corpus.num_rows, corpus.dataset.splits
        (1, [])
    """
    place = Path(location)
    if place.is_file():
        return QueryCorpus(_corpus_only(place), place, None)
    if not place.is_dir():
        dataset = load_dataset(location, skip_unknown=skip_unknown, offline=offline)
        return QueryCorpus(dataset, None, None)
    file = json_lines_file(place, "corpus")
    chunks = place / CHUNKS
    notes: list[str] = []
    if (place / "qrels").exists():
        dataset = load_dataset(location, skip_unknown=skip_unknown, offline=offline)
    else:
        dataset = _corpus_only(file)
        if any((place / f"queries.jsonl{end}").exists() for end in ("", ".gz")):
            notes.append(f"the queries in {place} have no judgements and are not used")
    return QueryCorpus(dataset, file, chunks if chunks.is_file() else None, tuple(notes))


def unseen_documents(
    dataset: RetrievalDataset, splits: Sequence[str] | None = None
) -> tuple[set[str], list[str]]:
    """Return the documents that are relevant in splits that training must not see.

    Args:
        dataset: The judgements.
        splits: Those splits; None means all but "train", and "none" alone means no split.

    Returns:
        The ids of the documents, and the names of the splits.

    Raises:
        InputError: There is no such split.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "a"), ("d2", "", "b")], queries=[("q", "which?")],
        ...     qrels={"train": [("q", "d1", 1)], "test": [("q", "d2", 1)]})
        >>> unseen_documents(data)
        ({'d2'}, ['test'])
    """
    if splits is None:
        names = [split for split in dataset.splits if split != TRAIN]
    else:
        names = [] if list(splits) == [NO_SPLIT] else list(dict.fromkeys(splits))
    found: set[str] = set()
    for name in names:
        found.update(pc.unique(dataset.positives(name)["doc_id"]).to_pylist())
    return found, names


def training_examples(
    dataset: RetrievalDataset, *, count: int, seed: int, barred: Collection[str] = ()
) -> list[QueryExample]:
    """Return queries of the training split, each with its first positive, drawn by the seed.

    Args:
        dataset: The judgements; without a training split there are no examples.
        count: Most examples.
        seed: Another seed, other examples.
        barred: Documents that must not be shown.

    Raises:
        InputError: A positive is not in the corpus.
    """
    if TRAIN not in dataset.splits or not count:
        return []
    pairs = [pair for pair in first_positives(dataset, TRAIN) if pair.positive_id not in barred]
    pairs.sort(key=lambda pair: draw_number(seed, pair.query_id, "example"))
    queries = dataset.query_texts([pair.query_id for pair in pairs[:count]])
    rows = dataset.document_rows([pair.positive_id for pair in pairs[:count]])
    return [
        QueryExample(query, text)
        for query, text in zip(queries, dataset.document_texts(rows), strict=True)
    ]


def recorded_examples(path: Path, *, count: int, seed: int) -> list[QueryExample]:
    """Return examples from a file of JSON lines with `query` and `text`, drawn by the seed.

    Raises:
        InputError: The file cannot be read, holds no example, or a line is none.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "examples.jsonl"
        >>> _ = path.write_text('{"query": "what purrs", "text": "Cats purr."}')
        >>> recorded_examples(path, count=4, seed=0)
        [QueryExample(query='what purrs', text='Cats purr.')]
    """
    if not path.is_file():
        raise InputError("there is no such file of examples", file=path, remedy="check --examples")
    found = []
    for number, line in numbered_lines(path):
        content, _ = json_object(line, path, number)
        values = []
        for field in QueryExample._fields:
            value = content.get(field)
            if not isinstance(value, str) or not value.strip():
                like = None if field in content else nearest(field, content)
                remedy = f"rename '{like}' to '{field}'" if like else 'write {"query", "text"}'
                raise InputError(
                    "the example has no such text",
                    file=path,
                    line=number,
                    field=field,
                    value=value,
                    remedy=remedy,
                )
            values.append(value)
        found.append((draw_number(seed, number, "example"), QueryExample(*values)))
    if not found:
        raise InputError("holds no example", file=path, remedy="write at least one line")
    return [example for _, example in sorted(found)[:count]]


def _corpus_only(path: Path) -> RetrievalDataset:
    notes: list[str] = []
    corpus = read_records(path, "document", ("_id", "title", "text"), notes)
    # The checks are those of any data set, which has at least one query.
    query = Sourced(pa.table({"id": ["-"], "text": ["-"]}), str(path))
    dataset = checked_dataset(path.resolve().parent.name, corpus, query, {}, notes=notes)
    return replace(dataset, queries=dataset.queries.slice(0, 0))
