from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.mining.given import EarlierSource, JudgedSource
from syneg.mining.run_file import RunFileSource
from syneg.mining.source import split_positives
from syneg.mining.source_list import Means, build_sources
from syneg.mining.source_names import parse_sources
from syneg.mining.sources import RandomSource
from syneg.mining.stored import read_candidates, write_candidates
from syneg.negatives.pool import NegativePool


@pytest.fixture
def data() -> RetrievalDataset:
    return RetrievalDataset.from_rows(
        "files",
        corpus=[(name, "", f"text {name}") for name in ("d1", "d2", "d3", "d4", "d 5", "100%25")],
        queries=[("q1", "one"), ("q 2", "two"), ("other", "three")],
        qrels={
            "train": [("q1", "d1", 1), ("q 2", "d2", 1), ("q1", "d4", 0), ("q 2", "d 5", -1)],
            "test": [("other", "d1", 1), ("q1", "d3", 0)],
        },
    )


def run_file(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "system.trec"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def found(source, data: RetrievalDataset) -> list[tuple[str, str, int, float]]:
    rows = source.propose(data, "train").to_pylist()
    return [(row["query_id"], row["doc_id"], row["rank"], row["score"]) for row in rows]


def test_a_run_is_ordered_by_score_whatever_its_ranks_say(
    data: RetrievalDataset, tmp_path: Path
) -> None:
    path = run_file(
        tmp_path,
        "q1 Q0 d3 0 1.5 bm25",
        "other Q0 d2 0 9 bm25",
        "q1\tQ0\td4   0  2.5e0 bm25",
        "q1 Q0 d1 0 7 bm25",
        "",
        "q1 Q0 d3 0 0.5 again",
        "q%202 Q0 d%205 0 -1 bm25",
        "q1 Q0 100%25 0 1 bm25",
    )
    source = RunFileSource(path)
    assert source.name == "run-system"
    # The positive d1 stood before them, at rank 1.
    assert found(source, data) == [
        ("q1", "d4", 2, 2.5), ("q1", "d3", 3, 1.5), ("q1", "100%25", 4, 1.0),
        ("q 2", "d 5", 1, -1.0),
    ]  # fmt: skip
    with gzip.open(tmp_path / "again.trec.gz", "wb") as handle:
        handle.write(path.read_bytes())
    assert found(RunFileSource(tmp_path / "again.trec.gz"), data) == found(source, data)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("q1 Q0 d3 1 x tag", "system.trec:2: field 'score': is no finite number (got 'x')"),
        ("q1 Q0 d3 1 nan tag", "system.trec:2: field 'score'"),
        ("q1 Q0 d3 1 1e39 tag", "system.trec:2: field 'score'"),
        ("q1 Q0 d3 1 2.0", "system.trec:2: the line has 5 fields, not 6"),
        ("q1 Q0 d9 1 2.0 tag", "system.trec:2: field 'document id': the corpus has no such"),
    ],
)
def test_a_wrong_line_is_told_with_its_place(
    data: RetrievalDataset, tmp_path: Path, line: str, told: str
) -> None:
    with pytest.raises(InputError) as raised:
        RunFileSource(run_file(tmp_path, "q1 Q0 d2 1 3.0 tag", line)).propose(data, "train")
    assert told in str(raised.value)
    assert ";" in str(raised.value)


def test_a_run_of_other_queries_and_a_missing_one_are_told(
    data: RetrievalDataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="names no query of the split 'train'"):
        RunFileSource(run_file(tmp_path, "other Q0 d1 1 1.0 x")).propose(data, "train")
    with pytest.raises(InputError, match="no such file"):
        RunFileSource(tmp_path / "nothing.trec").propose(data, "train")


def test_a_run_need_not_name_queries_with_many_positives(
    data: RetrievalDataset, tmp_path: Path
) -> None:
    path = run_file(tmp_path, "q%202 Q0 d1 1 3.0 x", "q%202 Q0 d3 2 2.0 x")
    qrels = {
        "query_id": ["q1", "q1", "q1", "q 2"],
        "doc_id": ["d1", "d2", "d3", "d4"],
        "grade": [1, 1, 1, 1],
    }
    graded = data.with_qrels({"train": pa.table(qrels)})
    assert found(RunFileSource(path, 1), graded) == [("q 2", "d1", 1, 3.0)]


def test_judged_negatives_are_those_of_the_split(data: RetrievalDataset) -> None:
    assert found(JudgedSource(), data) == [("q1", "d4", 1, 0.0), ("q 2", "d 5", 1, -1.0)]


def test_earlier_candidates_come_back_by_rank(data: RetrievalDataset, tmp_path: Path) -> None:
    table = pa.table(
        {
            "query_id": ["q1", "q1", "q1", "other"], "doc_id": ["d2", "d3", "d2", "d1"],
            "rank": [2, 1, 3, 1], "score": [5.0, 0.5, 9.0, 1.0],
        }
    )  # fmt: skip
    pq.write_table(table, tmp_path / "mine.parquet")
    source = EarlierSource(tmp_path / "mine.parquet")
    assert found(source, data) == [("q1", "d3", 1, 0.5), ("q1", "d2", 2, 5.0)]
    pool = NegativePool(tmp_path / "run" / "pool")
    pool.write_negatives("random", RandomSource(3).propose(data, "train"))
    again = found(EarlierSource(tmp_path / "run"), data)
    assert {row[:2] for row in again} == {row[:2] for row in found(RandomSource(3), data)}


def test_an_earlier_file_that_is_none_is_told(data: RetrievalDataset, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no Parquet")
    pq.write_table(pa.table({"query_id": ["q1"]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"query_id": ["q1"], "doc_id": ["d9"]}), tmp_path / "c.parquet")
    (tmp_path / "empty").mkdir()
    whole = {"query_id": ["q1"], "doc_id": ["d3"]}
    pq.write_table(pa.table({**whole, "score": ["high"]}), tmp_path / "e.parquet")
    pq.write_table(pa.table({**whole, "query_id": [["q1"]]}), tmp_path / "f.parquet")
    pq.write_table(pa.table({**whole, "score": [-1e300]}), tmp_path / "g.parquet")
    pq.write_table(pa.table({**whole, "query_id": ["other"]}), tmp_path / "h.parquet")
    for name, told in (
        ("e.parquet", "field 'score': the column holds string"),
        ("f.parquet", "field 'query_id': the column holds list"),
        ("g.parquet", "field 'score': a score is too large"),
        ("h.parquet", "names no query of the split 'train'"),
        ("a.parquet", "no Parquet file"),
        ("b.parquet", "field 'doc_id': the table has no such column"),
        ("c.parquet", "field 'doc_id': the corpus has no such document"),
        ("d.parquet", "no such file"),
        ("empty", "holds no mined negatives"),
    ):
        with pytest.raises(InputError, match=told):
            EarlierSource(tmp_path / name).propose(data, "train")


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    names = parse_sources([f"run:{tmp_path}/a/x.trec", f"run:{tmp_path}/b/x.trec"])
    means = Means(depth=3, seed=0, language="english", dense=lambda: pytest.fail("not needed"))
    assert [one.name for one in build_sources(names, means)] == ["run-x", "run-x-2"]


def test_candidates_are_stored_and_read_back(data: RetrievalDataset, tmp_path: Path) -> None:
    positives = split_positives(data, "train")
    before = RandomSource(3).candidates(data, positives, "train")
    path = tmp_path / "candidates.parquet"
    write_candidates(path, before, data)
    after = read_candidates(path, positives.query_ids)
    for name in ("offsets", "documents", "ranks", "scores", "origins", "excluded"):
        assert getattr(after, name).tolist() == getattr(before, name).tolist()
    assert (after.sources, after.similarities) == (before.sources, None)
    assert "text" not in pq.read_schema(path).names
    assert found(EarlierSource(path), data)
    with pytest.raises(InputError, match="not of these queries"):
        read_candidates(path, ["q1"])
