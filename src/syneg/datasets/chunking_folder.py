"""A BEIR folder of long documents turned into one of chunks, a document at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from syneg.datasets.chunking import check_chunk_lengths
from syneg.datasets.chunking_corpus import ChunkedCorpus, write_chunks
from syneg.datasets.chunking_judgements import JudgedChunks, judged_chunks
from syneg.datasets.chunking_source import ChunkSource
from syneg.errors import InputError
from syneg.files import read_json, remove_tree, replacing, write_json
from syneg.progress import Progress, SilentProgress

NOTES = "chunking.json"
CHUNKS = "chunks.parquet"
SOURCE_JUDGEMENTS = "source_qrels"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkingSummary:
    """What became of a corpus.

    Attributes:
        documents: Documents read.
        cut: Those of them that were longer than a chunk.
        chunks: Documents written: chunks, and documents that were short enough.
        judgements: Judgements read.
        chunk_judgements: Judgements written.
        without_common_word: Relevant pairs of which no chunk shares a word with the query, so
            that the first chunk was taken.
        notes: What a person should know about the result, one sentence each.
    """

    documents: int
    cut: int
    chunks: int
    judgements: int
    chunk_judgements: int
    without_common_word: int
    notes: tuple[str, ...]


def chunk_folder(
    source: Path,
    output: Path,
    *,
    most_words: int = 200,
    overlap_words: int = 40,
    judgements: JudgedChunks = JudgedChunks.BEST,
    skip_unknown: bool = False,
    progress: Progress | None = None,
) -> ChunkingSummary:
    """Cut the long documents of a BEIR folder into chunks, and write a BEIR folder of them.

    A document `D` that is longer than `most_words` becomes `D#0`, `D#1`, …: its title and
    other fields are repeated, `text` is a part of its text, and `metadata` has `source_id`,
    `start` and `end` (characters; `text[start:end]` of the source is the chunk). Shorter
    documents and the queries stay as they are. Beside them stand `chunks.parquet` (chunk_id,
    source_id, start, end for every document, which maps a ranking of chunks to one of
    documents), `source_qrels/` (the judgements as they were) and `chunking.json`.

    The corpus is read once and never held; memory grows with the judged documents alone,
    and by 8 bytes a chunk. The output appears whole or not at all.

    Args:
        source: A BEIR folder (files may be gzipped), one that has only a corpus, or the file
            of a corpus.
        output: A folder that is not there yet, or that this very call made before.
        most_words: Most words of a chunk, from 10; see `chunk_spans`.
        overlap_words: Most words that two chunks share.
        judgements: Whether a relevant document's judgement goes to the chunk with the highest
            BM25 score for the query, or to all of its chunks. Which of them is relevant is
            not known: both are guesses.
        skip_unknown: Leave out judgements of unknown queries or documents instead of raising.
        progress: Told of every document.

    Returns:
        The counts; those of the earlier call when the same was done before.

    Raises:
        InputError: Something in the source is wrong, or the output is something else.
    """
    check_chunk_lengths(most_words, overlap_words)
    origin = ChunkSource(source)
    settings = {
        "most_words": most_words,
        "overlap_words": overlap_words,
        "judgements": judgements.value,
        "skip_unknown": skip_unknown,
        "source": origin.hashes(),
    }
    done = _done_before(output, settings)
    if done is not None:
        return done
    with _appearing(output) as folder:
        corpus = write_chunks(
            origin,
            folder / "corpus.jsonl",
            folder / CHUNKS,
            most_words=most_words,
            overlap_words=overlap_words,
            progress=progress or SilentProgress(),
        )
        summary = _write_judgements(origin, corpus, folder, judgements, skip_unknown)
        content = {**settings, "summary": {**asdict(summary), "notes": list(summary.notes)}}
        write_json(folder / NOTES, content)
    return summary


def _write_judgements(
    origin: ChunkSource,
    corpus: ChunkedCorpus,
    folder: Path,
    mode: JudgedChunks,
    skip_unknown: bool,
) -> ChunkingSummary:
    notes = list(corpus.notes)
    read = written = lost = 0
    if origin.has_judgements:
        data = origin.checked(corpus.judged, skip_unknown=skip_unknown)
        notes.extend(data.notes)
        best = corpus.choice.best() if mode is JudgedChunks.BEST else None
        for split in data.splits:
            table = data.judgements(split)
            rows = judged_chunks(table, corpus.chunk_ids, best)
            written += _write_rows(folder / "qrels" / f"{split}.tsv", rows)
            same = judged_chunks(table, {}, None)
            read += _write_rows(folder / SOURCE_JUDGEMENTS / f"{split}.tsv", same)
            if best is not None:
                columns = [
                    data.positives(split)[name].to_pylist() for name in ("query_id", "doc_id")
                ]
                lost += sum(best.get(pair) == -1 for pair in zip(*columns, strict=True))
        notes.append(_told(mode, lost))
    if origin.queries is not None:
        with replacing(folder / origin.queries.name) as temporary:
            shutil.copyfile(origin.queries, temporary)
    return ChunkingSummary(
        documents=corpus.documents,
        cut=corpus.cut,
        chunks=corpus.chunks,
        judgements=read,
        chunk_judgements=written,
        without_common_word=lost,
        notes=tuple(notes),
    )


def _told(mode: JudgedChunks, lost: int) -> str:
    if mode is JudgedChunks.ALL:
        return (
            "every chunk of a relevant document is judged relevant, also those that do not answer "
            "the query; to measure documents, take each one's best chunk (chunks.parquet, "
            "source_qrels)"
        )
    more = f", and the first chunk where none shares a word with it ({lost} times)" if lost else ""
    return (
        "of a relevant document only the chunk that fits the query best by BM25 is judged "
        f"relevant{more}: a guess, since judgements do not say where the answer stands; the other "
        "chunks are not judged and may be relevant too; to measure documents, take each one's "
        "best chunk (chunks.parquet, source_qrels)"
    )


def _write_rows(path: Path, rows: Iterator[tuple[str, str, int]]) -> int:
    count = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.write("query-id\tcorpus-id\tscore\n")
        for query_id, doc_id, grade in rows:
            out.write(f"{query_id}\t{doc_id}\t{grade}\n")
            count += 1
    return count


def _done_before(output: Path, settings: dict[str, Any]) -> ChunkingSummary | None:
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return None
    remedy = "choose another --output, or remove it"
    if not output.is_dir():
        raise InputError("is a file, not a folder", file=output, remedy=remedy)
    try:
        content = read_json(output / NOTES)
        summary = content.pop("summary")
        found = ChunkingSummary(**{**summary, "notes": tuple(summary["notes"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        first = min(path.name for path in output.iterdir())
        raise InputError(
            f"holds '{first}', and is no folder of chunks", file=output, remedy=remedy
        ) from None
    changed = [name for name in settings if content.get(name) != settings[name]]
    if changed:
        raise InputError(
            f"holds chunks that were made otherwise (another {', '.join(changed)})",
            file=output,
            remedy=remedy,
        )
    return found


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Yield a folder beside `folder` that takes its place when the block succeeds."""
    place = folder.absolute()
    partial = place.with_name(f".{place.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.replace(place)
    finally:
        remove_tree(partial)
