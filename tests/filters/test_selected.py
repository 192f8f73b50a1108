from __future__ import annotations

import numpy as np
import pytest

from mining.columns import positives_of
from syneg.errors import InputError
from syneg.filters.selected import select_from_pool
from syneg.mining.candidates import Positives
from syneg.mining.references import Reference
from syneg.mining.rules import parse_rules
from syneg.negatives.pool import stands
from syneg.negatives.record import Negative, to_table
from syneg.negatives.verdict import VERDICT_SCHEMA

POSITIVES = positives_of([[0.8], [0.6, 0.4]])


def mined(name: str, similarity: float | None, query: str = "q0", **fields) -> Negative:
    values = {"source": "dense", "rank": 1, "positive_id": "p", **fields}
    return Negative(
        negative_id=name, doc_id=name, query_id=query, query_similarity=similarity, **values
    )


def removed(negatives: list[Negative], *rules: str, **options) -> dict[str, str]:
    table = to_table(negatives)
    done = select_from_pool(table, POSITIVES, parse_rules(rules), **options)
    assert done.verdicts.schema == VERDICT_SCHEMA
    rows = done.verdicts.to_pylist()
    assert {row["decision"] for row in rows} <= {"drop"}
    gone = {row["negative_id"] for row in rows}
    kept = [one.negative_id not in gone for one in negatives]
    assert stands(table, done.verdicts).to_pylist() == kept
    return {row["negative_id"]: row["filter"] for row in rows}


def test_only_what_a_rule_removes_gets_a_verdict_with_its_name() -> None:
    negatives = [
        mined("a", 0.79), mined("b", 0.7, rank=2), mined("c", 0.5, "q1"), mined("d", 0.3, rank=31),
    ]  # fmt: skip
    assert removed(negatives, "perc-pos:0.95", "rank:1-30") == {"a": "perc-pos", "d": "rank"}


def test_score_reason_and_fingerprint_say_what_was_measured() -> None:
    done = select_from_pool(
        to_table([mined("a", 0.9), mined("b", 0.2)]), POSITIVES, parse_rules(["perc-pos:0.95"])
    )
    (row,) = done.verdicts.to_pylist()
    assert row["score"] == pytest.approx(0.9 / 0.8)
    assert row["reason"].startswith("removed by perc-pos:0.95 (nothing above")
    other = select_from_pool(
        to_table([mined("a", 0.9)]), POSITIVES, parse_rules(["perc-pos:0.9"])
    ).verdicts
    assert other["fingerprint"][0].as_py() != row["fingerprint"]


def test_the_reference_counts() -> None:
    negatives = [mined("a", 0.5, "q1")]
    assert removed(negatives, "perc-pos:0.95") == {}
    assert removed(negatives, "perc-pos:0.95", reference=Reference.FARTHEST) == {"a": "perc-pos"}


def test_synthetic_negatives_and_other_queries_are_passed_over() -> None:
    written = Negative(
        negative_id="s", query_id="q0", positive_id="p", source="llm", text="x", query_similarity=1
    )
    stranger = mined("z", 0.99, "unknown")
    assert removed([written, stranger, mined("a", 0.9)], "perc-pos:0.95") == {"a": "perc-pos"}
    assert removed([], "perc-pos:0.95") == {}


def test_a_rule_that_chooses_does_so_for_each_query_and_source() -> None:
    negatives = [
        mined(f"{query}-{source}-{rank}", 0.1, query, source=source, rank=rank)
        for query in ("q0", "q1")
        for source in ("bm25", "dense")
        for rank in (3, 1, 2)
    ]
    gone = removed(negatives, "top:2")
    assert set(gone) == {one.negative_id for one in negatives if one.rank == 3}
    assert set(gone.values()) == {"top"}


def test_the_counts_add_up() -> None:
    negatives = [mined("a", 0.9), mined("b", 0.1, source="bm25"), mined("c", 0.5, "q1")]
    done = select_from_pool(to_table(negatives), POSITIVES, parse_rules(["perc-pos:0.95"]))
    rows = {(row["query_id"], row["source"]): row for row in done.counts.to_pylist()}
    assert len(rows) == 4
    assert rows["q0", "dense"]["perc-pos:0.95"] == 1
    assert rows["q0", "dense"]["left"] == 0
    assert rows["q1", "bm25"]["candidates"] == 0
    assert done.removed == {"bm25": {"perc-pos:0.95": 0}, "dense": {"perc-pos:0.95": 1}}
    assert done.too_few(("bm25", "dense"), 1) == 0
    assert done.too_few(("dense",), 1) == 1
    assert done.too_few(("bm25", "dense"), 2) == 2
    nothing = select_from_pool(to_table([]), POSITIVES, parse_rules(["perc-pos:0.95"]))
    assert nothing.too_few(("dense",), 1) == 0


def test_a_missing_similarity_is_told() -> None:
    with pytest.raises(InputError, match="similarity"):
        removed([mined("a", 0.1), mined("b", None)], "perc-pos:0.95")
    with pytest.raises(InputError, match="similarity"):
        removed([mined("b", None)], "perc-pos:0.95")
    bare = Positives(["q0"], np.array([0, 1]), np.array([0]))
    with pytest.raises(InputError, match="similarity"):
        select_from_pool(to_table([mined("a", 0.1)]), bare, parse_rules(["margin:0.1"]))
