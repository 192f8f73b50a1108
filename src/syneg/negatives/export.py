"""Training data for other tools: queries with their positives and negatives, as they read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from syneg.errors import InputError, nearest
from syneg.negatives.export_formats import (
    flag_embedding,
    json_lines,
    n_tuples,
    tevatron,
    tevatron_older,
    trec_run,
    triplets,
)
from syneg.negatives.export_records import Example, Row, Skipped
from syneg.negatives.export_writers import write_json_lines, write_lines, write_parquet

__all__ = ["Example", "ExportFormat", "Exported", "check_export", "export_examples"]


class ExportFormat(StrEnum):
    """How training data is written; the names of the fields are those of the tool that reads it."""

    SENTENCE_TRANSFORMERS = "st"
    """anchor, positive, negative_1 … negative_n: a row for each query and positive."""
    SENTENCE_TRANSFORMERS_TRIPLET = "st-triplet"
    """anchor, positive, negative: a row for each query, positive and negative."""
    FLAG_EMBEDDING = "flagembedding"
    """query, pos, neg, and pos_scores and neg_scores where similarities are known."""
    TEVATRON = "tevatron"
    """query_id, query_text, positive_document_ids, negative_document_ids; the corpus beside it."""
    TEVATRON_OLDER = "tevatron-older"
    """query_id, query, positive_passages, negative_passages, with their texts."""
    TREC = "trec"
    """A run file of the negatives: qid Q0 docid rank score tag."""
    JSONL = "jsonl"
    """All that is known: ids, texts, sources, ranks, scores and similarities."""


_TABLES = {ExportFormat.SENTENCE_TRANSFORMERS, ExportFormat.SENTENCE_TRANSFORMERS_TRIPLET}
_JSON = (".jsonl", ".json")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: The files.
        rows: Rows (lines) of the first of them.
        left_out: Queries left out, by the reason.
    """

    files: tuple[Path, ...]
    rows: int
    left_out: Mapping[str, int]


def check_export(wanted: str, path: Path) -> ExportFormat:
    """Return the format of a name, after a look at whether the file can be written in it.

    Raises:
        InputError: There is no such format, or the file's ending does not fit.

    Example:
        >>> check_export("st", Path("train.parquet")).value
        'st'
    """
    try:
        chosen = ExportFormat(wanted)
    except ValueError as error:
        names = [one.value for one in ExportFormat]
        close = nearest(wanted, names)
        raise InputError(
            "there is no such format",
            field="--to",
            value=wanted,
            remedy=f"did you mean '{close}'?" if close else f"one of: {', '.join(names)}",
        ) from error
    if path.is_dir():
        raise InputError("the output is a folder", file=path, remedy="name a file")
    endings = (*_JSON, ".parquet") if chosen in _TABLES else _JSON
    if chosen is not ExportFormat.TREC and path.suffix not in endings:
        raise InputError(
            "the ending tells how the file is written, and this is none of them",
            file=path,
            remedy=f"end the name in one of: {', '.join(endings)}",
        )
    return chosen


def export_examples(
    examples: Iterable[Example],
    wanted: ExportFormat,
    path: Path,
    *,
    negatives: int,
    corpus: Iterable[tuple[str, str]] = (),
) -> Exported:
    """Write training data for another tool; the file is there as a whole or not at all.

    A query without a negative is left out, and told. So is one with fewer than `negatives` in
    the n-tuples of sentence-transformers, whose rows must have equally many: nothing is
    repeated to fill them (as triplets all of them are written).

    Args:
        examples: Queries with positives and negatives; read once, one at a time.
        wanted: The format.
        path: The file; missing folders are made.
        negatives: Negatives in a row of n-tuples.
        corpus: (document id, title and text) of the whole corpus, for Tevatron, which is
            written to the same name with "-corpus".

    Raises:
        InputError: No query has (enough) negatives: there is nothing to write.

    Example:
        >>> import json, tempfile
        >>> from syneg.negatives.export_records import Passage
        >>> one = Example("q1", "who purrs?", [Passage("d1", "", "Cats purr.")],
        ...               [Passage("d2", "", "Dogs bark.", source="bm25", rank=1, score=2.5)])
        >>> path = Path(tempfile.mkdtemp()) / "train.jsonl"
        >>> export_examples([one], ExportFormat.FLAG_EMBEDDING, path, negatives=1).rows
        1
        >>> json.loads(path.read_text())
        {'query': 'who purrs?', 'pos': ['Cats purr.'], 'neg': ['Dogs bark.']}
    """
    skipped = Skipped()
    rows = _rows(skipped.with_negatives(examples), wanted, negatives, skipped)
    files: tuple[Path, ...] = (path,)
    if wanted is ExportFormat.TREC:
        count = write_lines(path, (str(row["line"]) for row in rows))
    elif wanted in _TABLES and path.suffix == ".parquet":
        count = write_parquet(path, rows)
    else:
        count = write_json_lines(path, rows)
    if wanted is ExportFormat.TEVATRON:
        beside = path.with_name(f"{path.stem}-corpus{path.suffix}")
        write_json_lines(beside, ({"docid": name, "text": text} for name, text in corpus))
        files = (path, beside)
    return Exported(files, count, skipped.counts)


def _rows(
    examples: Iterator[Example], wanted: ExportFormat, negatives: int, skipped: Skipped
) -> Iterator[Row]:
    if wanted is ExportFormat.SENTENCE_TRANSFORMERS:
        return n_tuples(skipped.with_enough(examples, negatives), negatives)
    formats = {
        ExportFormat.SENTENCE_TRANSFORMERS_TRIPLET: triplets,
        ExportFormat.FLAG_EMBEDDING: flag_embedding,
        ExportFormat.TEVATRON: tevatron,
        ExportFormat.TEVATRON_OLDER: tevatron_older,
        ExportFormat.TREC: trec_run,
        ExportFormat.JSONL: json_lines,
    }
    return formats[wanted](examples)
