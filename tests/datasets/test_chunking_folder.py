"""Folders of long documents turned into folders of chunks."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from syneg.datasets.beir import read_beir_folder
from syneg.datasets.chunking import word_spans
from syneg.datasets.chunking_folder import chunk_folder
from syneg.datasets.chunking_judgements import JudgedChunks
from syneg.errors import InputError
from syneg.files import read_table

LONG = (
    "Bees make honey in the summer and store it for the winter. "
    "They dance to tell each other where the flowers are. "
    "A queen lays all the eggs of the hive and lives for years. "
    "Wasps build their nests of paper that they chew from wood."
)
CHINESE = "蜜蜂在夏天酿蜜并储存过冬。它们跳舞告诉彼此花在哪里。蜂王产下蜂巢的所有卵。"


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "long"
    corpus = [
        {"_id": "bees", "title": "Bees", "text": LONG, "url": "u", "metadata": {"year": 1}},
        {"_id": "cats", "title": "", "text": "Cats purr."},
        {"_id": "蜂", "title": "蜜蜂", "text": CHINESE},
    ]
    write_lines(folder / "corpus.jsonl", corpus)
    queries = [
        {"_id": "q1", "text": "how long does a queen live"},
        {"_id": "q2", "text": "what purrs"},
        {"_id": "q3", "text": "zzz"},
        {"_id": "q4", "text": "蜂王"},
    ]
    write_lines(folder / "queries.jsonl", queries)
    (folder / "qrels").mkdir()
    header = "query-id\tcorpus-id\tscore\n"
    (folder / "qrels" / "train.tsv").write_text(header + "q1\tbees\t2\nq2\tcats\t1\nq2\tbees\t0\n")
    (folder / "qrels" / "test.tsv").write_text(header + "q3\tbees\t1\nq4\t蜂\t1\n")
    return folder


def judged(folder: Path, split: str) -> set[tuple[str, str, int]]:
    rows = read_beir_folder(folder).judgements(split).to_pylist()
    return {(row["query_id"], row["doc_id"], row["grade"]) for row in rows}


def test_chunks_are_parts_of_their_source_and_say_so(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "chunks"
    summary = chunk_folder(source, output, most_words=24, overlap_words=12)
    rows = {row["_id"]: row for row in read_lines(output / "corpus.jsonl")}
    texts = {row["_id"]: row["text"] for row in read_lines(source / "corpus.jsonl")}
    assert list(rows)[:2] == ["bees#0", "bees#1"]
    assert rows["cats"] == {"_id": "cats", "title": "", "text": "Cats purr."}
    for row in rows.values():
        if row["_id"] == "cats":
            continue
        place = row["metadata"]
        whole = texts[place["source_id"]]
        assert row["text"] == whole[place["start"] : place["end"]]
        assert len(word_spans(row["text"])) <= 24
        assert row["text"].endswith((".", "。"))
    assert rows["bees#1"]["title"] == "Bees" and rows["蜂#0"]["title"] == "蜜蜂"
    assert rows["bees#1"]["url"] == "u" and rows["bees#1"]["metadata"]["year"] == 1
    table = read_table(output / "chunks.parquet").to_pylist()
    assert [row["chunk_id"] for row in table] == list(rows)
    for row in table:
        assert rows[row["chunk_id"]]["text"] == texts[row["source_id"]][row["start"] : row["end"]]
    assert (summary.documents, summary.cut, summary.chunks) == (3, 2, len(rows))


def test_a_judgement_goes_to_the_chunk_that_fits_the_query_best(
    source: Path, tmp_path: Path
) -> None:
    output = tmp_path / "chunks"
    summary = chunk_folder(source, output, most_words=24, overlap_words=0)
    texts = {row["_id"]: row["text"] for row in read_lines(output / "corpus.jsonl")}
    train = judged(output, "train")
    (best,) = [doc_id for query_id, doc_id, _ in train if query_id == "q1"]
    assert "queen" in texts[best] and ("q1", best, 2) in train
    assert ("q2", "cats", 1) in train
    # Nothing of a document that is not relevant is relevant.
    bees = {name for name in texts if name.startswith("bees#")}
    assert {doc_id for query_id, doc_id, grade in train if grade == 0} == bees
    test = judged(output, "test")
    assert ("q3", "bees#0", 1) in test  # No word in common: the first, and it is said.
    assert summary.without_common_word == 1
    assert "1 times" in " ".join(summary.notes) and "guess" in " ".join(summary.notes)
    (chinese,) = [doc_id for query_id, doc_id, _ in test if query_id == "q4"]
    assert "蜂王" in texts[chinese]
    assert (output / "source_qrels" / "train.tsv").read_text().count("\n") == 4


def test_all_chunks_can_be_judged(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "chunks"
    chunk_folder(source, output, most_words=24, overlap_words=0, judgements=JudgedChunks.ALL)
    ids = [row["_id"] for row in read_lines(output / "corpus.jsonl")]
    expected = {("q1", one, 2) for one in ids if one.startswith("bees#")}
    assert expected <= judged(output, "train")


def test_gzipped_files_and_a_corpus_alone(source: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    chunk_folder(source, plain, most_words=24, overlap_words=12)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv"):
        path = source / name
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = tmp_path / "packed"
    chunk_folder(source, packed, most_words=24, overlap_words=12)
    for name in ("corpus.jsonl", "qrels/train.tsv", "qrels/test.tsv", "chunks.parquet"):
        assert (packed / name).read_bytes() == (plain / name).read_bytes()
    assert read_beir_folder(packed).query_ids("test") == ["q3", "q4"]
    alone = tmp_path / "alone"
    summary = chunk_folder(source / "corpus.jsonl.gz", alone, most_words=24, overlap_words=12)
    assert summary.judgements == 0 and not (alone / "qrels").exists()
    assert (alone / "corpus.jsonl").read_bytes() == (plain / "corpus.jsonl").read_bytes()


def test_the_same_again_does_nothing_and_anything_else_is_refused(
    source: Path, tmp_path: Path
) -> None:
    output = tmp_path / "chunks"
    first = chunk_folder(source, output, most_words=24, overlap_words=12)
    before = (output / "corpus.jsonl").stat().st_mtime_ns
    assert chunk_folder(source, output, most_words=24, overlap_words=12) == first
    assert (output / "corpus.jsonl").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="most_words"):
        chunk_folder(source, output, most_words=30, overlap_words=12)
    with pytest.raises(InputError, match="no folder of chunks"):
        chunk_folder(source, source)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        chunk_folder(source, file)
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"_id": "x", ', "not JSON"),
        ('{"_id": "x", "text": 7}', "'text'"),
        ('{"_id": "x"}', "lacks"),
        ('{"_id": " ", "text": "a"}', "empty id"),
        ('{"_id": "a\\tb", "text": "a"}', "tab"),
        ('{"_id": "cats", "text": "again"}', "cats"),
        ('{"_id": "bees#1", "text": "a chunk has this name"}', "bees#1"),
    ],
)
def test_a_bad_document_leaves_nothing_behind(
    source: Path, tmp_path: Path, line: str, words: str
) -> None:
    with (source / "corpus.jsonl").open("a", encoding="utf-8") as out:
        out.write(line + "\n")
    with pytest.raises(InputError, match=words):
        chunk_folder(source, tmp_path / "chunks", most_words=24, overlap_words=12)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long"]


def test_judgements_are_checked_as_ever(source: Path, tmp_path: Path) -> None:
    with (source / "qrels" / "train.tsv").open("a") as out:
        out.write("q1\tunicorn\t1\n")
    with pytest.raises(InputError, match=r"train\.tsv:5.*unicorn.*--skip-unknown"):
        chunk_folder(source, tmp_path / "chunks")
    summary = chunk_folder(source, tmp_path / "chunks", skip_unknown=True)
    assert summary.judgements == 5
    shutil.rmtree(source / "qrels")
    assert chunk_folder(source, tmp_path / "other").judgements == 0


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        chunk_folder(tmp_path / "nothing", tmp_path / "chunks")
    empty = tmp_path / "corpus.jsonl"
    empty.write_text("\n")
    with pytest.raises(InputError, match="no document"):
        chunk_folder(empty, tmp_path / "chunks")
