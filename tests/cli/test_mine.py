from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest


def one_error(ended, *parts: str) -> None:
    assert ended.code == 2, ended
    (line,) = [line for line in ended.err.splitlines() if line.startswith("error:")]
    assert "Traceback" not in ended.err
    for part in parts:
        assert part in line


def test_mining_by_itself_writes_training_data_and_tells_what_it_did(
    syneg, animal_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out" / "train.jsonl"
    ended = syneg(
        "mine", "--dataset", animal_folder, "--source", "dense", "--select", "perc-pos:0.5 top",
        "--negatives", 3, "--to", "flagembedding", "--output", path, "--explain", "q-cat",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(rows) == 12
    for row in rows:
        assert len(row["neg"]) == 3
        assert max(row["neg_scores"]) <= 0.5 * row["pos_scores"][0] + 1e-6
    for part in ("positives", "chosen", "perc-pos:0.5", "36 negatives for 12 of 12", "Query q-cat"):
        assert part in ended.out
    counts = pq.read_table(path.with_name("train.jsonl.selection.parquet"))
    assert counts["chosen"].to_pylist() == [3] * 12
    assert (path.parent / "syneg-cache").is_dir()
    # The second call reads what the first one kept.
    again = syneg(
        "mine", "--dataset", animal_folder, "--select", "top", "--to", "trec",
        "--output", path.with_name("all.trec"), "--cache", path.parent / "syneg-cache",
    )  # fmt: skip
    assert again.code == 0, again.err
    assert "encode" not in again.err


def test_too_few_are_told_and_not_padded(syneg, animal_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    ended = syneg(
        "mine", "--dataset", animal_folder, "--source", "bm25", "--select", "rank:1-4",
        "--negatives", 3, "--to", "st", "--output", path,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    counts = pq.read_table(tmp_path / "train.jsonl.selection.parquet").to_pylist()
    enough = [row for row in counts if row["chosen"] >= 3]
    assert len(path.read_text("utf-8").splitlines()) == len(enough) < 12
    assert "queries have fewer than 3" in ended.out
    assert "are left out" in ended.out


def test_a_query_is_explained_without_writing_anything(
    syneg, animal_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = syneg("mine", "--dataset", animal_folder, "--source", "bm25", "--select", "rank:1-2",
                  "--explain", "q-cat", "--cache", tmp_path / "kept")  # fmt: skip
    assert ended.code == 0, ended.err
    assert "d-cat" in ended.out and "chosen" in ended.out
    assert {one.name for one in tmp_path.iterdir()} == {"animals", "kept"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "st"], "--output"),
        (["--to", "stt", "--output", "x.jsonl"], "did you mean 'st'"),
        (["--to", "st", "--output", "x.txt"], ".parquet"),
        (["--to", "st", "--output", "x.jsonl", "--select", "perc-poss:1"], "perc-pos:0.95"),
        (["--to", "st", "--output", "x.jsonl", "--source", "bm26"], "bm25"),
        (["--to", "st", "--output", "x.jsonl", "--reference", "best"], "nearest"),
        (["--to", "st", "--output", "x.jsonl", "--precision", "int8"], "bfloat16"),
        (["--to", "st", "--output", "x.jsonl", "--llm", "local"], "--llm"),
        (["--to", "st", "--output", "x.jsonl", "--split", "none"], "train, test"),
        (["--to", "st", "--output", "x.jsonl", "--source", "run:no.trec"], "no.trec"),
        (["--to", "st", "--output", "x.jsonl", "--search", "ivff"], "exact, flat, ivf, hnsw"),
        (["--to", "st", "--output", "x.jsonl", "--pooling", "max"], "cls, mean, last"),
        (["--to", "st", "--output", "x.jsonl", "--pooling", "cls"], "states its own pooling"),
        (["--to", "st", "--output", "x.jsonl", "--dimensions", "999"], "from 1 to 384"),
        (["--to", "st", "--output", "x.jsonl", "--device", "cuda:99"], "no such device"),
        (["--to", "st", "--output", "x.jsonl", "--select", "top:8", "--negatives", "4"], "top:8"),
        (["--explain", "q-catt", "--source", "bm25", "--select", "top"], "'q-cat'"),
        (["--output", "run", "--negatives", "3"], "--to"),
        ([], "--output"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    syneg, animal_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    one_error(syneg("mine", "--dataset", animal_folder, *arguments), told)
    assert not (tmp_path / "x.jsonl").exists()


def test_no_data_set_is_told(syneg, tmp_path: Path) -> None:
    one_error(syneg("mine", "--to", "st", "--output", tmp_path / "x.jsonl"), "--dataset")


def test_a_run_folder_is_mined_and_explained(syneg, animal_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = syneg(
        "mine", "--dataset", animal_folder, "--output", run, "--source", "bm25", "--source",
        "random", "--select", "similarity-max:0.2", "--depth", 4,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert {one.stem for one in (run / "pool" / "negatives").glob("*.parquet")} == {
        "bm25", "random",
    }  # fmt: skip
    before = syneg("mine", "--output", run, "--explain", "q-cat")
    assert before.code == 0, before.err
    assert "d-cat" in before.out and "removed by" not in before.out
    assert syneg("filter", "--output", run).code == 0
    after = syneg("mine", "--output", run, "--explain", "q-cat")
    assert "similarity-max" in after.out
    one_error(syneg("mine", "--output", run, "--explain", "q-catt"), "'q-cat'")
    one_error(syneg("mine", "--output", tmp_path, "--explain", "q"), "no mined negatives")


def test_hostile_text_stays_text_in_a_table(syneg, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    (folder / "qrels").mkdir(parents=True)
    texts = {"p": "the answer", "[red]d[/red]": "\x1b[2Jgone [bold]not markup[/bold] \u202eevil"}
    rows = [{"_id": name, "title": "", "text": text} for name, text in texts.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "the gone [/] answer"}))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq\tp\t1\n")
    ended = syneg("mine", "--dataset", folder, "--source", "random", "--select", "top",
                  "--explain", "q", "--cache", tmp_path / "kept")  # fmt: skip
    assert ended.code == 0, ended.err
    assert "[bold]not markup[/bold]" in ended.out and "[red]d[/red]" in ended.out
    assert "\x1b" not in ended.out and "\u202e" not in ended.out


def test_a_query_that_is_not_there_is_told_before_anything_is_encoded(
    syneg, animal_folder: Path, tmp_path: Path
) -> None:
    one_error(
        syneg("mine", "--dataset", animal_folder, "--explain", "q-catt", "--cache",
              tmp_path / "kept"),
        "'q-cat'",
    )  # fmt: skip
    assert not (tmp_path / "kept").exists()


def test_prompts_and_dimensions_change_the_vectors_and_an_index_tells_its_recall(
    syneg, animal_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("faiss")
    paths = [tmp_path / name for name in ("whole.jsonl", "cut.jsonl")]
    options = [
        [],
        ["--dimensions", 64, "--query-prompt", "find: ", "--document-prompt", "text: ",
         "--search", "hnsw", "--device", "cpu"],
    ]  # fmt: skip
    ended = [
        syneg("mine", "--dataset", animal_folder, "--select", "top:3", "--to", "flagembedding",
              "--output", path, *more)
        for path, more in zip(paths, options, strict=True)
    ]  # fmt: skip
    assert [one.code for one in ended] == [0, 0], ended[1].err
    assert "searched by hnsw" not in ended[0].out and "searched by hnsw" in ended[1].out
    whole, cut = (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] for path in paths
    )
    # Of a rule that says how many, nothing need be said twice.
    assert all(len(row["neg"]) == 3 for row in whole + cut)
    assert [row["pos_scores"] for row in whole] != [row["pos_scores"] for row in cut]


def test_other_chunks_of_the_positive_s_document_are_left_alone(syneg, tmp_path: Path) -> None:
    folder = tmp_path / "chunks"
    (folder / "qrels").mkdir(parents=True)
    rows = [
        {"_id": f"{name}{number}", "text": f"the {name} number {number} tells of {fact}",
         "metadata": {"source_id": name}}
        for name in ("cat", "dog") for number, fact in enumerate(("milk", "mice", "sleep"))
    ]  # fmt: skip
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "the cat and milk"}))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq\tcat0\t1\n")

    def mined(*more: str) -> set[str]:
        path = tmp_path / "mined.jsonl"
        ended = syneg("mine", "--dataset", folder, "--source", "random", "--select", "top:5",
                      "--to", "jsonl", "--output", path, *more)  # fmt: skip
        assert ended.code == 0, ended.err
        assert ("same-source" in ended.out) == (not more)
        return {one["docid"] for one in json.loads(path.read_text("utf-8"))["negatives"]}

    assert mined() == {"dog0", "dog1", "dog2"}
    assert mined("--siblings") == {"cat1", "cat2", "dog0", "dog1", "dog2"}


def test_where_nothing_is_left_it_is_told_what_removed_it(
    syneg, animal_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "none.jsonl"
    ended = syneg("mine", "--dataset", animal_folder, "--source", "bm25", "--select",
                  "score-max:0", "--to", "jsonl", "--output", path)  # fmt: skip
    one_error(ended, "nothing to write")
    assert "score-max:0" in ended.out and "queries have fewer than 4" in ended.out
    assert not path.exists()
