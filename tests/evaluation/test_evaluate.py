from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from syneg.datasets.beir import read_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import SentenceEncoder
from syneg.errors import InputError
from syneg.evaluation.evaluate import evaluate
from syneg.evaluation.metrics import averages, per_query_metrics
from syneg.evaluation.retrieve import RUN_SCHEMA, retrieve, write_trec_run


def graded() -> RetrievalDataset:
    return RetrievalDataset.from_rows(
        "graded",
        corpus=[(f"d{number}", "", f"text {number}") for number in range(5)],
        queries=[("q1", "one"), ("q2", "two"), ("q3", "three")],
        qrels={
            "test": [
                ("q1", "d0", 2),
                ("q1", "d1", 1),
                ("q1", "d2", 0),
                ("q2", "d3", 1),
                ("q3", "d4", 0),
            ]
        },
    )


def run_of(rows: list[tuple[str, str, float, int]]) -> pa.Table:
    return pa.Table.from_arrays(
        [
            pa.array([row[place] for row in rows], kind.type)
            for place, kind in enumerate(RUN_SCHEMA)
        ],
        schema=RUN_SCHEMA,
    )


def test_metrics_against_hand_computed_values() -> None:
    run = run_of([("q1", "d2", 3.0, 1), ("q1", "d1", 2.0, 2), ("q1", "d0", 1.0, 3)])
    table = per_query_metrics(graded(), "test", run)
    # q3 has no relevant document and is left out; q2 was not answered and scores 0.
    assert table["query_id"].to_pylist() == ["q1", "q2"]
    gained = 1 / math.log2(3) + 2 / math.log2(4)
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    first = table.to_pylist()[0]
    assert first["ndcg@10"] == pytest.approx(gained / ideal)
    assert first["mrr@10"] == pytest.approx(1 / 2)
    assert first["recall@10"] == 1.0
    assert first["map@100"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert averages(table)["recall@100"] == pytest.approx(0.5)


def test_a_document_that_is_the_query_itself_is_left_out() -> None:
    data = RetrievalDataset.from_rows(
        "duplicates",
        corpus=[("1", "", "How do I swim?"), ("2", "", "How to swim?"), ("q", "", "other text")],
        queries=[("1", "How do I swim?"), ("q", "not the text of the document q")],
        qrels={"test": [("1", "2", 1), ("q", "2", 1)]},
    )
    vectors = np.eye(3, dtype=np.float32)
    run = retrieve(data, ["1", "q"], vectors[[0, 2]], [(0, vectors)], depth=2)
    found: dict[str, list[str]] = {}
    for row in run.to_pylist():
        found.setdefault(row["query_id"], []).append(row["doc_id"])
    assert found == {"1": ["2", "q"], "q": ["q", "1"]}
    assert run["rank"].to_pylist() == [1, 2, 1, 2]


def test_a_trec_run_reads_back(tmp_path: Path) -> None:
    import ir_measures

    write_trec_run(run_of([("q1", "d0", 1.5, 1)]), tmp_path / "a.trec", "tag")
    rows = list(ir_measures.read_trec_run(str(tmp_path / "a.trec")))
    assert [(row.query_id, row.doc_id, row.score) for row in rows] == [("q1", "d0", 1.5)]


def test_a_missing_split_names_those_there_are(minilm: SentenceEncoder) -> None:
    with pytest.raises(InputError, match="it has: test"):
        evaluate(graded(), minilm, "dev")


def test_the_animals_are_found(animal_data: RetrievalDataset, minilm: SentenceEncoder) -> None:
    result = evaluate(animal_data, minilm)
    assert result.metrics["ndcg@10"] > 0.9
    assert result.summary()["documents"] == 32


@pytest.mark.slow
def test_scifact_reaches_the_published_figure(
    scifact_folder: Path, minilm: SentenceEncoder
) -> None:
    result = evaluate(read_beir_folder(scifact_folder), minilm)
    assert result.metrics["ndcg@10"] == pytest.approx(0.6451, abs=0.0005)
    assert result.metrics["recall@10"] == pytest.approx(0.7833, abs=0.0005)
    assert result.metrics["mrr@10"] == pytest.approx(0.6047, abs=0.0005)
    assert result.metrics["recall@100"] == pytest.approx(0.9250, abs=0.0005)
