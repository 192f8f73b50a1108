"""Sets in the Hub's layout, read from local copies through the same library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from syneg.datasets.hub import read_hub_dataset
from syneg.errors import InputError

pytest.importorskip("datasets.load", reason="the package datasets is not installed")

CORPUS = [
    {"_id": "d1", "title": "Cats", "text": "Cats purr."},
    {"_id": "d2", "title": "", "text": "Dogs bark."},
]
QUERIES = [{"_id": "q1", "text": "What purrs?"}, {"_id": "q2", "text": "What barks?"}]
QRELS = {
    "test": [{"query-id": "q1", "corpus-id": "d1", "score": 1}],
    "train": [{"query-id": "q2", "corpus-id": "d2", "score": 2}],
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def copy(
    folder: Path,
    *,
    corpus: list[dict[str, Any]] = CORPUS,
    queries: list[dict[str, Any]] = QUERIES,
    qrels: dict[str, list[dict[str, Any]]] = QRELS,
    qrels_name: str | None = "default",
    ending: str = "jsonl",
) -> str:
    """Write a copy of a Hub data set with its README; return its location."""
    parts = {"corpus": {"corpus": corpus}, "queries": {"queries": queries}}
    if qrels_name is not None:
        parts[qrels_name] = qrels
    lines = ["---", "configs:"]
    for name, splits in parts.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, rows in splits.items():
            file = f"{name}/{split}.{ending}"
            write_rows(folder / file, rows)
            lines += [f"  - split: {split}", f"    path: {file}"]
    (folder / "README.md").write_text("\n".join([*lines, "---", "# A set"]))
    return str(folder)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("qrels_name", ["default", "qrels"])
def test_layout_of_mteb(tmp_path: Path, ending: str, qrels_name: str) -> None:
    data = read_hub_dataset(copy(tmp_path / "tiny", ending=ending, qrels_name=qrels_name))
    assert data.name == "tiny"
    assert data.splits == ["train", "test"]
    assert data.document_texts([0, 1]) == ["Cats Cats purr.", "Dogs bark."]
    assert data.query_texts(["q2"]) == ["What barks?"]
    assert data.judgements("train").to_pylist() == [{"query_id": "q2", "doc_id": "d2", "grade": 2}]
    assert data.notes == ()


def test_layout_of_beir_with_judgements_in_a_second_set(tmp_path: Path) -> None:
    name = copy(tmp_path / "tiny", qrels_name=None)
    # BeIR's judgements name ids by whole numbers where all ids are numbers.
    write_rows(tmp_path / "tiny-qrels" / "test.jsonl", QRELS["test"])
    assert read_hub_dataset(name).positives("test")["doc_id"].to_pylist() == ["d1"]


def test_ids_and_scores_may_be_numbers_and_titles_missing(tmp_path: Path) -> None:
    name = copy(
        tmp_path / "tiny",
        corpus=[{"id": 7, "text": "Cats purr."}],
        queries=[{"id": "1", "text": "What purrs?"}],
        qrels={"test": [{"query-id": 1, "corpus-id": 7, "score": 1.0}]},
        ending="parquet",
    )
    data = read_hub_dataset(name, offline=True)
    assert data.corpus.to_pylist() == [{"id": "7", "title": "", "text": "Cats purr."}]
    assert data.positives("test")["grade"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"queries": [*QUERIES, QUERIES[0]]}, "queries, row 3: field '_id': this query id was"),
        ({"queries": [*QUERIES, {"_id": "q3", "text": ""}]}, "queries, row 3: field 'text'"),
        ({"corpus": [*CORPUS, {"_id": "d3", "title": "x", "text": None}]}, "corpus, row 3: field"),
        (
            {"corpus": [{"_id": "d1", "body": "x"}]},
            "corpus: has no column text (it has: _id, body)",
        ),
        ({"corpus": [{"_id": "d1", "text": [1]}]}, "corpus: field 'text': holds list"),
        (
            {
                "qrels": {
                    "test": [*QRELS["test"], {"query-id": "q9", "corpus-id": "d1", "score": 1}]
                }
            },
            "qrels/test, row 2: field 'query-id': is not among the queries (got 'q9'); "
            "1 bad rows in all (row 2)",
        ),
        (
            {"qrels": {"test": [*QRELS["test"], {"query-id": None, "corpus-id": "d", "score": 1}]}},
            "qrels/test, row 2: the row is not a query id, a document id and a score",
        ),
        ({"qrels": {"test": [{"a": 1}]}}, "no columns query-id and corpus-id"),
        ({"qrels_name": None}, "no judgements were found"),
    ],
)
def test_faults_are_named(tmp_path: Path, changed: dict[str, Any], expected: str) -> None:
    name = copy(tmp_path / "tiny", **changed)
    with pytest.raises(InputError) as caught:
        read_hub_dataset(name)
    assert expected in str(caught.value)
    assert str(caught.value).startswith(f"hub:{name}")


def test_unknown_judgements_can_be_skipped(tmp_path: Path) -> None:
    rows = [*QRELS["test"], {"query-id": "q1", "corpus-id": "d9", "score": 1}]
    data = read_hub_dataset(copy(tmp_path / "tiny", qrels={"test": rows}), skip_unknown=True)
    assert data.judgements("test").num_rows == 1
    assert "1 judgement left out: 1 of unknown documents" in data.notes[0]


def test_a_folder_without_the_configurations(tmp_path: Path) -> None:
    write_rows(tmp_path / "plain" / "data.jsonl", CORPUS)
    with pytest.raises(InputError, match=r"plain, corpus: cannot be read.*a retrieval set has"):
        read_hub_dataset(str(tmp_path / "plain"))


def test_a_set_that_was_not_downloaded_cannot_be_read_offline() -> None:
    import datasets

    before = datasets.config.HF_HUB_OFFLINE
    with pytest.raises(InputError, match=r"was not downloaded before.*give the folder"):
        read_hub_dataset("syneg-tests/there-is-no-such-set", offline=True)
    assert before == datasets.config.HF_HUB_OFFLINE
