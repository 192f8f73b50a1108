"""Folders in the layout of the BEIR benchmark, read and written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.columns import RowGatherer, Sourced
from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.lines import json_object, numbered_lines
from syneg.datasets.splits import ordered_splits
from syneg.datasets.validation import checked_dataset
from syneg.errors import InputError, nearest
from syneg.files import replacing

_LAYOUT = (
    "a BEIR folder holds corpus.jsonl, queries.jsonl and qrels/<split>.tsv (each may end in .gz)"
)

_HEADER = ("query-id", "corpus-id", "score")
_HEADER_STARTS = {"query-id", "query_id", "queryid", "query", "qid"}
_ENDINGS = (".tsv", ".tsv.gz")


def read_beir_folder(folder: Path, *, skip_unknown: bool = False) -> RetrievalDataset:
    """Read a folder in BEIR's layout.

    `corpus.jsonl` has `_id`, `text` and optionally `title` on each line, `queries.jsonl` has
    `_id` and `text`; other fields are not kept. Each `qrels/<split>.tsv` has the columns
    query-id, corpus-id and score, with or without that header. Blank lines and a byte order
    mark are skipped. Any of the files may be gzipped (`corpus.jsonl.gz`).

    Args:
        folder: The folder; its name becomes the data set's.
        skip_unknown: Leave out judgements of unknown queries or documents, and those whose
            score is not a whole number, with a counted note, instead of raising.

    Returns:
        The data set, with splits in the order train, dev, test, then others by name.

    Raises:
        InputError: A file is missing or not as described; the message has its file and line.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "tiny"
        >>> write_beir_folder(RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr.")], queries=[("q1", "What purrs?")],
        ...     qrels={"test": [("q1", "d1", 1)]}), folder)
        >>> read_beir_folder(folder).positives("test").to_pylist()
        [{'query_id': 'q1', 'doc_id': 'd1', 'grade': 1}]
    """
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise InputError(problem, file=folder, remedy=_LAYOUT)
    splits = split_files(folder)
    corpus, queries = json_lines_file(folder, "corpus"), json_lines_file(folder, "queries")
    notes: list[str] = []
    return checked_dataset(
        folder.resolve().name,
        read_records(corpus, "document", ("_id", "title", "text"), notes),
        read_records(queries, "query", ("_id", "text"), notes),
        {split: read_judgements(path) for split, path in splits.items()},
        skip_unknown=skip_unknown,
        notes=notes,
    )


def write_beir_folder(dataset: RetrievalDataset, folder: Path) -> None:
    r"""Write a data set in BEIR's layout; each file appears whole or not at all.

    Args:
        dataset: The data set; its ids must fit between tabs.
        folder: Where to write; made when missing. Files of the same name are replaced.

    Raises:
        InputError: An id holds a tab or line break or begins or ends with a space, a split's
            name does not fit a file name, or the folder holds other files of a BEIR data set,
            which would be read together with the new ones.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_beir_folder(RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr.")], queries=[("q1", "What purrs?")],
        ...     qrels={"test": [("q1", "d1", 1)]}), folder)
        >>> (folder / "qrels" / "test.tsv").read_text()
        'query-id\tcorpus-id\tscore\nq1\td1\t1\n'
    """
    for split in dataset.splits:
        if not split or split.startswith(".") or "/" in split or "\\" in split or "\0" in split:
            raise InputError(
                "is no file name", field="split", value=split, remedy="rename the split"
            )
        _check_names(dataset.judgements(split)["query_id"], "query-id")
        _check_names(dataset.judgements(split)["doc_id"], "corpus-id")
    _check_names(dataset.corpus["id"], "_id")
    _check_names(dataset.queries["id"], "_id")
    names = {"corpus.jsonl", "queries.jsonl", *(f"qrels/{split}.tsv" for split in dataset.splits)}
    _refuse_strangers(folder, names)
    _write_lines(folder / "corpus.jsonl", _corpus_lines(dataset))
    _write_lines(folder / "queries.jsonl", _query_lines(dataset))
    for split in dataset.splits:
        _write_lines(folder / "qrels" / f"{split}.tsv", _judgement_lines(dataset, split))


def json_lines_file(folder: Path, stem: str) -> Path:
    """Return the file STEM.jsonl or STEM.jsonl.gz of a folder; just one must be there."""
    found = [path for end in ("", ".gz") if (path := folder / f"{stem}.jsonl{end}").exists()]
    if not found:
        raise InputError(f"there is no {stem}.jsonl", file=folder, remedy=_LAYOUT)
    _refuse_two(found)
    return found[0]


def split_files(folder: Path) -> dict[str, Path]:
    """Return the judgement file of each split, in the usual order of splits."""
    qrels = folder / "qrels"
    if not qrels.is_dir():
        raise InputError("there is no folder 'qrels'", file=folder, remedy=_LAYOUT)
    found: dict[str, list[Path]] = {}
    for path in sorted(qrels.iterdir()):
        if path.name.endswith(_ENDINGS) and not path.name.startswith("."):
            found.setdefault(path.name.removesuffix(".gz").removesuffix(".tsv"), []).append(path)
    if not found:
        raise InputError("there is no split (no .tsv file)", file=qrels, remedy=_LAYOUT)
    for paths in found.values():
        _refuse_two(paths)
    return {split: found[split][0] for split in ordered_splits(found)}


def _refuse_two(paths: list[Path]) -> None:
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise InputError(f"holds both {names}", file=paths[0].parent, remedy="remove one of them")


def read_records(path: Path, what: str, fields: tuple[str, ...], notes: list[str]) -> Sourced:
    """Read text fields of a JSONL file, each row with its line; notes what was replaced."""
    rows = RowGatherer([field.removeprefix("_") for field in fields], str(path))
    replaced = 0
    for number, line in numbered_lines(path):
        record, changed = json_object(line, path, number)
        replaced += changed
        rows.add(number, tuple(_value(record, field, what, path, number) for field in fields))
    if replaced:
        notes.append(
            f"{path}: half of a surrogate pair was replaced by U+FFFD in {replaced} records"
        )
    return rows.finish()


def _value(record: dict[str, Any], field: str, what: str, path: Path, number: int) -> str:
    value = record.get(field)
    if isinstance(value, str):
        return value
    if field == "title" and value is None:
        return ""
    if field not in record:
        like = nearest(field, (key for key in record if isinstance(record[key], str)))
        remedy = f"rename '{like}' to '{field}'" if like else f'write "{field}": "..."'
        there = ", ".join(record) or "no field"
        problem = f"the {what} lacks this field (it has: {there})"
        raise InputError(problem, file=path, line=number, field=field, remedy=remedy)
    if field == "_id" and isinstance(value, int) and not isinstance(value, bool):
        remedy = f'put it in quotes: "_id": "{value}"'
    else:
        remedy = "write it as text in quotes"
    got = json.dumps(value)
    raise InputError(
        f"the value {got if len(got) < 40 else type(value).__name__} is not text",
        file=path,
        line=number,
        field=field,
        remedy=remedy,
    )


def read_judgements(path: Path) -> Sourced:
    """Read a split's judgements as text, each row with its line; nothing is checked yet."""
    rows = RowGatherer(["query_id", "doc_id", "score"], str(path))
    first = True
    for number, line in numbered_lines(path):
        columns = line.split("\t")
        if first and columns[0].strip().lower() in _HEADER_STARTS and not _is_number(columns[-1]):
            first = False
            continue
        first = False
        if len(columns) == 3:
            rows.add(number, (columns[0], columns[1], columns[2]))
        else:
            rows.add(number, (None, None, line))
    return rows.finish()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse_strangers(folder: Path, names: set[str]) -> None:
    present = [folder / "corpus.jsonl.gz", folder / "queries.jsonl.gz"]
    if (folder / "qrels").is_dir():
        present += sorted((folder / "qrels").iterdir())
    for path in present:
        if path.exists() and path.name.endswith((".gz", ".tsv")) and path.name[0] != ".":
            name = path.relative_to(folder).as_posix()
            if name not in names:
                raise InputError(
                    f"holds {name}, which is not part of the data set to be written",
                    file=folder,
                    remedy="choose an empty folder",
                )


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(lines)


def _corpus_lines(dataset: RetrievalDataset) -> Iterator[str]:
    for name, title, text in _values(dataset.corpus):
        record = {"_id": name, "title": title, "text": text, "metadata": {}}
        yield json.dumps(record, ensure_ascii=False) + "\n"


def _query_lines(dataset: RetrievalDataset) -> Iterator[str]:
    for name, text in _values(dataset.queries):
        record = {"_id": name, "text": text, "metadata": {}}
        yield json.dumps(record, ensure_ascii=False) + "\n"


def _judgement_lines(dataset: RetrievalDataset, split: str) -> Iterator[str]:
    yield "\t".join(_HEADER) + "\n"
    for query_id, doc_id, grade in _values(dataset.judgements(split)):
        yield f"{query_id}\t{doc_id}\t{grade}\n"


def _values(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=8192):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _check_names(ids: pa.ChunkedArray, field: str) -> None:
    trimmed = pc.equal(ids, pc.utf8_trim_whitespace(ids))
    fits = pc.and_(trimmed, pc.invert(pc.match_substring_regex(ids, r"^$|[\t\n\r]")))
    unfit = ids.filter(pc.invert(fits))
    if len(unfit):
        raise InputError(
            f"{len(unfit)} ids do not fit a line of tab-separated values",
            field=field,
            value=unfit[0].as_py(),
            remedy="use ids without tabs, line breaks and outer spaces",
        )
