"""A corpus read and written document by document, long ones as chunks."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from syneg.datasets.chunking import Span, chunk_spans
from syneg.datasets.chunking_judgements import ChunkChoice
from syneg.datasets.chunking_source import ChunkSource
from syneg.datasets.columns import RowGatherer, Sourced
from syneg.datasets.lines import json_object, numbered_lines
from syneg.errors import InputError
from syneg.files import replacing
from syneg.progress import Progress

CHUNK_SCHEMA = pa.schema(
    [
        ("chunk_id", pa.large_string()),
        ("source_id", pa.large_string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
    ]
)
_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkedCorpus:
    """What was written, and what the judgements need of it.

    Attributes:
        documents: Documents read.
        cut: Those that became chunks.
        chunks: Documents written.
        judged: Columns `id`, `title`, `text` of the judged documents that were met; their
            texts are only "x" or "", since nothing but their being there matters.
        chunk_ids: The chunks of every judged document that was cut.
        choice: Knows the best chunk for every judged query.
        notes: Oddities that were counted.
    """

    documents: int
    cut: int
    chunks: int
    judged: Sourced
    chunk_ids: dict[str, list[str]]
    choice: ChunkChoice
    notes: tuple[str, ...]


def write_chunks(
    origin: ChunkSource,
    corpus_file: Path,
    map_file: Path,
    *,
    most_words: int,
    overlap_words: int,
    progress: Progress,
) -> ChunkedCorpus:
    """Write the chunks of a corpus and where each came from; see `chunk_folder`.

    Raises:
        InputError: A line is no document, or two documents or chunks would have the same id.
    """
    queries_of = origin.queries_of
    choice = ChunkChoice(origin.query_texts, queries_of)
    judged = RowGatherer(["id", "title", "text"], str(origin.corpus))
    chunk_ids: dict[str, list[str]] = {}
    identities = array("Q")
    documents = cut = replaced = 0
    with (
        replacing(corpus_file) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as out,
        _ChunkMap(map_file) as table,
        progress.task("chunk", total=None) as task,
    ):
        for number, line in numbered_lines(origin.corpus):
            record, changed = json_object(line, origin.corpus, number)
            name, text = _checked(record, origin.corpus, number)
            spans = chunk_spans(text, most_words=most_words, overlap_words=overlap_words)
            names = [name] if len(spans) == 1 else [f"{name}#{one}" for one in range(len(spans))]
            if len(spans) == 1:
                out.write(line + "\n")
            else:
                _write_parts(out, record, text, names, spans)
            if name in queries_of or not documents:
                shown = "x" if text.strip() or str(record.get("title") or "").strip() else ""
                judged.add(number, (name, "", shown))
                if len(spans) > 1:
                    chunk_ids[name] = names
                    choice.add(name, [text[one.start : one.end] for one in spans])
            table.add(name, names, spans)
            identities.extend(map(_identity, names))
            documents += 1
            cut += len(spans) > 1
            replaced += changed
            task.advance()
        out.flush()
        if not documents:
            raise InputError("holds no document", file=origin.corpus, remedy="add at least one")
        _refuse_repeated(identities, temporary, origin.corpus)
    notes = (
        [f"{origin.corpus}: half of a surrogate pair was replaced by U+FFFD in {replaced} records"]
        if replaced
        else []
    )
    return ChunkedCorpus(
        documents=documents,
        cut=cut,
        chunks=len(identities),
        judged=judged.finish(),
        chunk_ids=chunk_ids,
        choice=choice,
        notes=tuple(notes),
    )


class _ChunkMap:
    """Writes the table of chunks, a batch at a time."""

    def __init__(self, path: Path) -> None:
        self._place = replacing(path)
        self._columns: list[list[Any]] = [[] for _ in CHUNK_SCHEMA]

    def __enter__(self) -> _ChunkMap:
        self._writer = pq.ParquetWriter(self._place.__enter__(), CHUNK_SCHEMA, compression="zstd")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._flush()
        finally:
            self._writer.close()
            self._place.__exit__(kind, error, trace)

    def add(self, source_id: str, names: Sequence[str], spans: Sequence[Span]) -> None:
        for name, span in zip(names, spans, strict=True):
            for column, value in zip(self._columns, (name, source_id, *span), strict=True):
                column.append(value)
        if len(self._columns[0]) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(
            pa.Table.from_arrays(
                [
                    pa.array(column, kind.type)
                    for column, kind in zip(self._columns, CHUNK_SCHEMA, strict=True)
                ],
                schema=CHUNK_SCHEMA,
            )
        )
        self._columns = [[] for _ in CHUNK_SCHEMA]


def _write_parts(
    out: TextIO, record: dict[str, Any], text: str, names: Sequence[str], spans: Sequence[Span]
) -> None:
    own = record.get("metadata")
    for name, (start, end) in zip(names, spans, strict=True):
        metadata = {
            **(own if isinstance(own, dict) else {}),
            "source_id": record["_id"],
            "start": start,
            "end": end,
        }
        part = {**record, "_id": name, "text": text[start:end], "metadata": metadata}
        out.write(json.dumps(part, ensure_ascii=False) + "\n")


def _checked(record: dict[str, Any], path: Path, number: int) -> tuple[str, str]:
    """Return id and text of a document, or say what is wrong with it."""
    for field in ("_id", "text", "title"):
        value = record.get(field)
        if isinstance(value, str) or (field == "title" and value is None):
            continue
        problem = "is not text" if field in record else "the document lacks this field"
        raise InputError(
            problem,
            file=path,
            line=number,
            field=field,
            value=value,
            remedy="write it as text in quotes",
        )
    name: str = record["_id"]
    if not name.strip():
        raise InputError(
            "the document has an empty id", file=path, line=number, remedy="give it a name"
        )
    if name != name.strip() or any(mark in name for mark in "\t\n\r"):
        raise InputError(
            "does not fit a line of tab-separated values",
            file=path,
            line=number,
            field="_id",
            value=name,
            remedy="use ids without tabs, line breaks and outer spaces",
        )
    return name, record["text"]


def _identity(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def _refuse_repeated(identities: array[int], written: Path, corpus: Path) -> None:
    """Make sure that no id was written twice; 8 bytes of each are looked at, then all of some."""
    values, counts = np.unique(np.array(identities, dtype=np.uint64), return_counts=True)
    suspects = set(values[counts > 1].tolist())
    if not suspects:
        return
    met: set[str] = set()
    for number, line in numbered_lines(written):
        name = json_object(line, written, number)[0]["_id"]
        if _identity(name) not in suspects:
            continue
        if name in met:
            raise InputError(
                "two documents or chunks would have this id",
                file=corpus,
                field="_id",
                value=name,
                remedy="give each document its own id; chunks get '#' and a number",
            )
        met.add(name)
