from __future__ import annotations

import json
from pathlib import Path

import ir_measures
import pytest
from datasets import load_dataset

from syneg.errors import InputError
from syneg.negatives.export import ExportFormat, check_export, export_examples
from syneg.negatives.export_records import Example, Passage

HOSTILE = 'line\nbreak \u2028 "quoted" \\ \x00 🦊 [bold]'


def negative(number: int, query: str = "1") -> Passage:
    return Passage(
        f"n{query}{number}", "Title", f"negative {number}", 0.5 - number / 10, "dense",
        number + 1, 0.5 - number / 10,
    )  # fmt: skip


EXAMPLES = [
    Example(
        "q1", "who purrs?", [Passage("p1", "Cat", HOSTILE, 0.8), Passage("p2", "", "two", 0.7)],
        [negative(0), negative(1)],
    ),
    Example("q 2", "who barks?", [Passage("p3", "", "dogs", 0.9)], [negative(0, "2")]),
    Example("q3", "who sings?", [Passage("p4", "", "whales", 0.9)], []),
]  # fmt: skip


def exported(wanted: str, path: Path, examples=EXAMPLES, negatives: int = 2, **options):
    return export_examples(
        examples, check_export(wanted, path), path, negatives=negatives, **options
    )


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_sentence_transformers_reads_columns_by_their_order(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"train.{ending}"
    done = exported("st", path)
    kind = "json" if ending == "jsonl" else ending
    table = load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "c"))
    assert table.column_names == ["anchor", "positive", "negative_1", "negative_2"]
    assert table[0]["positive"] == f"Cat {HOSTILE}"
    assert table["negative_2"][:] == ["Title negative 1"] * 2
    assert (done.rows, len(table)) == (2, 2)
    # No row is filled up: the reasons are told.
    assert done.left_out == {"without a negative": 1, "with fewer than 2 negatives": 1}


def test_triplets_lose_no_negative(tmp_path: Path) -> None:
    done = exported("st-triplet", tmp_path / "train.parquet")
    table = load_dataset(
        "parquet", data_files=str(tmp_path / "train.parquet"), split="train",
        cache_dir=str(tmp_path / "c"),
    )  # fmt: skip
    assert table.column_names == ["anchor", "positive", "negative"]
    assert len(table) == done.rows == 2 * 2 + 1


def test_flag_embedding_gets_scores_where_all_are_known(tmp_path: Path) -> None:
    bare = Example("q4", "x", [Passage("p", "", "y")], [Passage("n", "", "z")])
    exported("flagembedding", tmp_path / "train.jsonl", [*EXAMPLES, bare])
    first, second, third = lines(tmp_path / "train.jsonl")
    assert first == {
        "query": "who purrs?",
        "pos": [f"Cat {HOSTILE}", "two"],
        "neg": ["Title negative 0", "Title negative 1"],
        "pos_scores": [0.8, 0.7],
        "neg_scores": [0.5, 0.4],
    }
    assert second["neg"] == ["Title negative 0"]
    assert third == {"query": "x", "pos": ["y"], "neg": ["z"]}


def test_tevatron_gets_ids_and_a_corpus(tmp_path: Path) -> None:
    corpus = [("p1", "Cat text"), ("n10", "negative")]
    done = exported("tevatron", tmp_path / "train.jsonl", corpus=corpus)
    assert lines(tmp_path / "train.jsonl")[0] == {
        "query_id": "q1",
        "query_text": "who purrs?",
        "positive_document_ids": ["p1", "p2"],
        "negative_document_ids": ["n10", "n11"],
    }
    assert done.files[1] == tmp_path / "train-corpus.jsonl"
    assert lines(done.files[1]) == [
        {"docid": "p1", "text": "Cat text"}, {"docid": "n10", "text": "negative"},
    ]  # fmt: skip


def test_older_tevatron_gets_texts(tmp_path: Path) -> None:
    exported("tevatron-older", tmp_path / "train.jsonl")
    row = lines(tmp_path / "train.jsonl")[0]
    assert set(row) == {"query_id", "query", "positive_passages", "negative_passages"}
    assert row["positive_passages"][0] == {"docid": "p1", "title": "Cat", "text": HOSTILE}
    assert row["negative_passages"][1]["docid"] == "n11"


def test_a_run_file_is_read_back_in_the_order_of_the_negatives(tmp_path: Path) -> None:
    exported("trec", tmp_path / "negatives.trec")
    read = list(ir_measures.read_trec_run(str(tmp_path / "negatives.trec")))
    assert [(one.query_id, one.doc_id) for one in read] == [
        ("q1", "n10"), ("q1", "n11"), ("q%202", "n20"),
    ]  # fmt: skip
    assert read[0].score > read[1].score


def test_json_lines_hold_all_that_is_known(tmp_path: Path) -> None:
    exported("jsonl", tmp_path / "all.jsonl")
    row = lines(tmp_path / "all.jsonl")[0]
    assert row["negatives"][1] == {
        "docid": "n11", "title": "Title", "text": "negative 1", "source": "dense", "rank": 2,
        "score": 0.4, "similarity": 0.4,
    }  # fmt: skip
    assert [one["docid"] for one in row["positives"]] == ["p1", "p2"]


@pytest.mark.parametrize("wanted", [one.value for one in ExportFormat])
def test_with_nothing_to_write_what_was_there_stays(tmp_path: Path, wanted: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("before")
    with pytest.raises(InputError, match="nothing to write"):
        exported(wanted, path, EXAMPLES[2:])
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["train.jsonl"]


def test_a_failure_in_the_middle_leaves_nothing_half_written(tmp_path: Path) -> None:
    def breaking():
        yield EXAMPLES[0]
        raise OSError("no more")

    for name in ("train.jsonl", "train.parquet"):
        with pytest.raises(OSError, match="no more"):
            exported("st", tmp_path / name, breaking())
    assert not list(tmp_path.iterdir())


def test_a_wrong_format_or_ending_is_told_before_anything_is_done(tmp_path: Path) -> None:
    for wanted, name, told in (
        ("flagembeding", "x.jsonl", "did you mean 'flagembedding'"),
        ("???", "x.jsonl", "one of: st, st-triplet"),
        ("st", "x.csv", r"\.jsonl, \.json, \.parquet"),
        ("jsonl", "x.parquet", r"\.jsonl, \.json$"),
        ("tevatron", "x.jsonl.gz", "ending"),
    ):
        with pytest.raises(InputError, match=told):
            check_export(wanted, tmp_path / name)
    with pytest.raises(InputError, match="is a folder"):
        check_export("st", tmp_path)
