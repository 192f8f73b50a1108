"""Reading and writing sound BEIR folders."""

from __future__ import annotations

import gzip
import json
import logging
import os
from pathlib import Path

import pytest

from syneg.datasets.beir import read_beir_folder, write_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError


def compress(path: Path) -> None:
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def test_reads_ids_texts_and_judgements(folder: Path) -> None:
    data = read_beir_folder(folder)
    assert data.name == "animals"
    assert data.corpus.to_pylist() == [
        {"id": "d1", "title": "Cats", "text": "Cats purr."},
        {"id": "d2", "title": "", "text": "Dogs bark."},
        {"id": "d3", "title": "", "text": "Cows moo."},
    ]
    assert data.query_texts(["q2", "q1"]) == ["Which animal barks?", "Which animal purrs?"]
    assert data.splits == ["train", "test"]
    assert data.judgements("train")["grade"].to_pylist() == [1, 0]
    assert data.judgements("test").to_pylist() == [{"query_id": "q2", "doc_id": "d2", "grade": 2}]
    assert data.notes == ()


def test_gzipped_files_read_the_same(folder: Path) -> None:
    plain = read_beir_folder(folder)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "qrels/test.tsv"):
        compress(folder / name)
    assert read_beir_folder(folder) == plain


def test_order_of_splits_is_train_dev_test_then_others(folder: Path) -> None:
    rows = (folder / "qrels" / "test.tsv").read_text()
    for name in ("validation", "extra", "dev"):
        (folder / "qrels" / f"{name}.tsv").write_text(rows)
    (folder / "qrels" / "notes.md").write_text("not a split")
    (folder / "qrels" / "._test.tsv").write_bytes(b"\x00\x05left by an archiver")
    assert read_beir_folder(folder).splits == ["train", "dev", "test", "extra", "validation"]


@pytest.mark.parametrize(
    "header", ["", "query_id\tdoc_id\tscore\n", "\ufeffquery-id\tcorpus-id\tscore\n"]
)
def test_header_may_be_missing_or_spelled_otherwise(folder: Path, header: str) -> None:
    (folder / "qrels" / "test.tsv").write_text(f"{header}q2\td2\t1\nq1\td1\t1.0\n", "utf-8")
    assert read_beir_folder(folder).judgements("test")["grade"].to_pylist() == [1, 1]


def test_a_query_named_like_the_header_is_kept(folder: Path) -> None:
    with (folder / "queries.jsonl").open("a") as queries:
        queries.write('{"_id": "query-id", "text": "Which is it?"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\td1\t1\n")
    assert read_beir_folder(folder).query_ids("test") == ["query-id"]


def test_byte_order_mark_blank_lines_and_windows_line_ends_are_tolerated(folder: Path) -> None:
    plain = read_beir_folder(folder)
    for path in folder.rglob("*.*"):
        if path.is_file():
            crlf = path.read_bytes().replace(b"\n", b"\r\n\r\n  \r\n")
            path.write_bytes(b"\xef\xbb\xbf" + crlf)
    assert read_beir_folder(folder) == plain


def test_zero_bytes_and_huge_lines_are_kept(folder: Path) -> None:
    text = "a\0b " + "long " * 400_000
    with (folder / "corpus.jsonl").open("a") as corpus:
        corpus.write(json.dumps({"_id": "d4", "title": "\0", "text": text}) + "\n")
    data = read_beir_folder(folder)
    assert data.corpus["text"][3].as_py() == text
    assert data.document_rows(["d4", "d9"]).tolist() == [3, -1]


def test_half_a_surrogate_pair_is_replaced_with_a_note(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (folder / "corpus.jsonl").open("a") as corpus:
        corpus.write('{"_id": "d4", "text": "broken \\ud800 here, whole \\ud83d\\ude00"}\n')
    with caplog.at_level(logging.WARNING):
        data = read_beir_folder(folder)
    assert data.corpus["text"][3].as_py() == "broken \ufffd here, whole \U0001f600"
    assert "U+FFFD in 1 records" in data.notes[0]
    assert data.notes[0] in caplog.text


def test_documents_without_text_are_counted(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as corpus:
        corpus.write('{"_id": "e1", "title": " ", "text": ""}\n{"_id": "e2", "text": "\\n"}\n')
    data = read_beir_folder(folder)
    assert data.corpus.num_rows == 5
    assert data.notes == (f"{folder / 'corpus.jsonl'}: 2 documents have neither title nor text",)


def test_same_judgement_twice_is_kept_once_with_a_note(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("q2\td2\t1\nq1\td1\t1\nq2\td2\t1\n")
    data = read_beir_folder(folder)
    assert data.judgements("test")["query_id"].to_pylist() == ["q2", "q1"]
    assert "1 judgements given twice" in data.notes[0]


def test_skip_unknown_drops_bad_judgements_with_a_counted_note(folder: Path) -> None:
    rows = "q2\td2\t1\nq9\td2\t1\nq2\td8\t1\nq2\td9\t1\nq2\td1\tyes\n"
    (folder / "qrels" / "test.tsv").write_text(rows)
    data = read_beir_folder(folder, skip_unknown=True)
    assert data.judgements("test").num_rows == 1
    assert data.notes == (
        f"{folder / 'qrels' / 'test.tsv'}: 4 judgements left out: "
        "1 whose score is no whole number, 1 of unknown queries, 2 of unknown documents",
    )


def test_a_relative_folder_gets_its_own_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert read_beir_folder(Path()).name == "animals"


def test_written_files_have_exactly_the_layout(folder: Path, tmp_path: Path) -> None:
    write_beir_folder(read_beir_folder(folder), tmp_path / "copy")
    first = (tmp_path / "copy" / "corpus.jsonl").read_text().splitlines()[0]
    assert json.loads(first) == {"_id": "d1", "title": "Cats", "text": "Cats purr.", "metadata": {}}
    query = json.loads((tmp_path / "copy" / "queries.jsonl").read_text().splitlines()[0])
    assert list(query) == ["_id", "text", "metadata"]
    judgements = (tmp_path / "copy" / "qrels" / "train.tsv").read_bytes()
    assert judgements == b"query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\n"
    assert not [
        name for _, _, names in os.walk(tmp_path / "copy") for name in names if "partial" in name
    ]


@pytest.mark.parametrize("stranger", ["corpus.jsonl.gz", "qrels/dev.tsv", "qrels/test.tsv.gz"])
def test_writing_refuses_to_mix_two_data_sets(folder: Path, stranger: str) -> None:
    data = read_beir_folder(folder)
    (folder / stranger).write_bytes(b"another")
    with pytest.raises(InputError, match=rf"holds {stranger}.*choose an empty folder"):
        write_beir_folder(data, folder)


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\r", " a", ""])
def test_writing_refuses_ids_that_would_not_come_back(tmp_path: Path, name: str) -> None:
    data = RetrievalDataset.from_rows(
        "x", corpus=[(name, "", "text")], queries=[("q", "text")], qrels={"test": [("q", name, 1)]}
    )
    with pytest.raises(InputError, match="do not fit a line of tab-separated values"):
        write_beir_folder(data, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("split", ["", "../test", ".hidden"])
def test_writing_refuses_splits_that_are_no_file_names(tmp_path: Path, split: str) -> None:
    data = RetrievalDataset.from_rows(
        "x", corpus=[("d", "", "text")], queries=[("q", "text")], qrels={split: [("q", "d", 1)]}
    )
    with pytest.raises(InputError, match="is no file name"):
        write_beir_folder(data, tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "documents", "queries", "pairs"),
    [
        ("scifact", 5183, {"train": 809, "test": 300}, {"train": 919, "test": 339}),
        ("nfcorpus", 3633, {"train": 2590, "dev": 324, "test": 323}, None),
    ],
)
def test_published_sets_have_their_published_sizes(
    shared_data: Path,
    name: str,
    documents: int,
    queries: dict[str, int],
    pairs: dict[str, int] | None,
) -> None:
    data = read_beir_folder(shared_data / name)
    assert data.corpus.num_rows == documents
    assert {split: len(data.query_ids(split)) for split in data.splits} == queries
    if pairs:
        assert {split: data.positives(split).num_rows for split in data.splits} == pairs
