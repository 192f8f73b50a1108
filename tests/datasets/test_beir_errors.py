"""Every fault in a BEIR folder is told with its place and a remedy, in one line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from syneg.datasets.beir import read_beir_folder
from syneg.errors import InputError


def message(folder: Path, *, skip_unknown: bool = False) -> str:
    """Read a faulty folder; return the error's message with paths relative to it."""
    with pytest.raises(InputError) as caught:
        read_beir_folder(folder, skip_unknown=skip_unknown)
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(f"{folder}/", "").replace(str(folder), "FOLDER")


def test_missing_folder(tmp_path: Path) -> None:
    text = message(tmp_path / "nowhere")
    assert "there is no such folder" in text
    assert "corpus.jsonl, queries.jsonl and qrels/<split>.tsv" in text


def test_a_file_instead_of_a_folder(folder: Path) -> None:
    assert "is a file, not a folder" in message(folder / "corpus.jsonl")


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"there is no {name}; a BEIR folder holds" in message(folder)


def test_no_splits(folder: Path) -> None:
    for path in (folder / "qrels").iterdir():
        path.unlink()
    assert message(folder).startswith("qrels: there is no split")
    (folder / "qrels").rmdir()
    assert "there is no folder 'qrels'" in message(folder)


def test_a_file_both_plain_and_gzipped(folder: Path) -> None:
    (folder / "qrels" / "test.tsv.gz").write_bytes(gzip.compress(b"q1\td1\t1\n"))
    assert message(folder) == "qrels: holds both test.tsv and test.tsv.gz; remove one of them"


def test_a_folder_in_place_of_a_file(folder: Path) -> None:
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl").mkdir()
    assert message(folder).startswith("corpus.jsonl: cannot be read: Is a directory")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{'_id': 'd4'}", "corpus.jsonl:4: the line is not JSON (Expecting property name"),
        ('{"_id": "d4"', "corpus.jsonl:4: the line is not JSON (Expecting ',' delimiter"),
        ("[" * 100_000, "corpus.jsonl:4: the line is not JSON"),
        ('{"_id": ' + "9" * 5000 + "}", "corpus.jsonl:4: the line is not JSON"),
        ('["d4", "text"]', "corpus.jsonl:4: the line is not a JSON object (got ['d4', 'text'])"),
        ("null", "corpus.jsonl:4: the line is not a JSON object"),
        (
            '{"_id": 4, "text": "x"}',
            'corpus.jsonl:4: field \'_id\': the value 4 is not text; put it in quotes: "_id": "4"',
        ),
        (
            '{"id": "d4", "text": "x"}',
            "corpus.jsonl:4: field '_id': the document lacks this field (it has: id, text); "
            "rename 'id' to '_id'",
        ),
        ('{"_id": "d4"}', "corpus.jsonl:4: field 'text': the document lacks this field"),
        ('{"_id": "d4", "text": null}', "field 'text': the value null is not text"),
        ('{"_id": "d4", "text": ["x"]}', "field 'text': the value [\"x\"] is not text"),
        ('{"_id": "d4", "title": 7, "text": "x"}', "field 'title': the value 7 is not text"),
        ('{"_id": " ", "text": "x"}', "corpus.jsonl:4: the document has an empty id"),
        (
            '{"_id": "d2", "text": "x"}',
            "corpus.jsonl:4: field '_id': this document id was given before, in line 2; "
            "1 ids are repeated in all (got 'd2')",
        ),
    ],
)
def test_bad_documents(folder: Path, line: str, expected: str) -> None:
    with (folder / "corpus.jsonl").open("a") as corpus:
        corpus.write(line + "\n")
    assert expected in message(folder)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"_id": "q1", "text": "x"}', "this query id was given before, in line 1"),
        ('{"_id": "q3", "text": "  "}', "field 'text': the query 'q3' has no text"),
        ('{"_id": "q3", "text": 3}', "field 'text': the value 3 is not text"),
    ],
)
def test_bad_queries(folder: Path, line: str, expected: str) -> None:
    # The blank line counts as a line, so the fault is in line 4.
    with (folder / "queries.jsonl").open("a") as queries:
        queries.write("\n" + line + "\n")
    text = message(folder)
    assert text.startswith("queries.jsonl:4: ")
    assert expected in text


def test_empty_files(folder: Path) -> None:
    (folder / "queries.jsonl").write_text("\n")
    assert message(folder) == "queries.jsonl: holds no query; add at least one query"
    (folder / "corpus.jsonl").write_text("")
    assert "corpus.jsonl: holds no document" in message(folder)


def test_not_utf8(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("ab") as corpus:
        corpus.write('{"_id": "d4", "text": "caf\xe9"}\n'.encode("latin-1"))
    text = message(folder)
    assert text.startswith("corpus.jsonl:4: the line is not UTF-8 (byte 27 of the line)")
    assert text.endswith("save the file as UTF-8")


@pytest.mark.parametrize("damage", ["cut", "flipped", "plain"])
def test_damaged_gzip(folder: Path, damage: str) -> None:
    plain = (folder / "corpus.jsonl").read_bytes()
    packed = bytearray(gzip.compress(plain))
    if damage == "cut":
        packed = packed[:-12]
    elif damage == "flipped":
        packed[-6] ^= 0xFF
    else:
        packed = bytearray(plain)
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(packed)
    text = message(folder)
    assert text.startswith("corpus.jsonl.gz:")
    assert "the gzip data is damaged or cut off" in text


def test_a_relevant_document_without_text(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as corpus:
        corpus.write('{"_id": "d4", "title": "", "text": " "}\n')
    (folder / "qrels" / "test.tsv").write_text("q2\td4\t0\nq2\td2\t1\n")
    assert read_beir_folder(folder).notes
    (folder / "qrels" / "test.tsv").write_text("q2\td4\t1\n")
    text = message(folder)
    assert text.startswith("corpus.jsonl:4: field 'text': the document 'd4' has neither")
    assert "split 'test'" in text


def test_all_bad_judgements_are_told_at_once(folder: Path) -> None:
    unknown = "".join(f"q2\td{number}\t1\n" for number in range(10, 19))
    rows = f"query-id\tcorpus-id\tscore\nq2\td2\t1\nq7\td2\t1\n{unknown}q2\td1\t0.5\n"
    (folder / "qrels" / "test.tsv").write_text(rows)
    assert message(folder) == (
        "qrels/test.tsv:3: field 'query-id': is not among the queries (got 'q7'); "
        "11 bad rows in all (lines 3, 4, 5, 6, 7, …): 1 whose score is no whole "
        "number, 1 of unknown queries, 9 of unknown documents; remove them, "
        "or go on without them with --skip-unknown"
    )


@pytest.mark.parametrize("score", ["", "x", "0.5", "1_000", "12345678901", "nan", "１"])
def test_a_score_that_is_not_a_whole_number(folder: Path, score: str) -> None:
    (folder / "qrels" / "test.tsv").write_text(f"q2\td2\t1\nq2\td1\t{score}\n")
    text = message(folder)
    assert text.startswith(
        f"qrels/test.tsv:2: field 'score': is not a whole number (got '{score}')"
    )
    assert "1 bad rows in all (line 2)" in text


@pytest.mark.parametrize("row", ["q2 d2 1", "q2\t0\td2\t1", "q2\td2"])
def test_rows_without_three_columns_are_never_skipped(folder: Path, row: str) -> None:
    (folder / "qrels" / "test.tsv").write_text(f"q2\td2\t1\n{row}\n")
    for skip_unknown in (False, True):
        text = message(folder, skip_unknown=skip_unknown)
        assert text.startswith("qrels/test.tsv:2: the row is not a query id, a document id and")
        assert text.endswith("write query-id, corpus-id and score in each, separated by tabs")


def test_two_grades_for_one_pair(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("q2\td2\t1\n\nq2\td2\t2\n")
    assert message(folder) == (
        "qrels/test.tsv:3: field 'score': the same query and document have another grade, 1, "
        "in line 1 (got 2); keep one of the two"
    )


@pytest.mark.parametrize("rows", ["", "query-id\tcorpus-id\tscore\n", "q2\td2\t0\n", "q2\td9\t1\n"])
def test_a_split_without_a_relevant_document(folder: Path, rows: str) -> None:
    (folder / "qrels" / "test.tsv").write_text(rows)
    text = message(folder, skip_unknown=True)
    assert text.startswith("qrels/test.tsv: no document is judged relevant")
