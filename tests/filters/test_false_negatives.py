from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.errors import InputError
from syneg.filters.run import false_negative_verdicts
from syneg.negatives.record import NEGATIVE_SCHEMA, Negative, to_table
from syneg.negatives.verdict import VERDICT_SCHEMA


def mined(name: str, similarity: float | None, **fields: str) -> Negative:
    chosen = {"query_id": "q", "positive_id": "p", "source": "dense", **fields}
    return Negative(negative_id=name, doc_id=name, query_similarity=similarity, **chosen)


def decisions(similarities: list[float], positive: float, percentage: float = 0.95) -> list[str]:
    table = to_table([mined(str(n), value) for n, value in enumerate(similarities)])
    verdicts = false_negative_verdicts(
        table, positive_similarity={("q", "p"): positive}, percentage=percentage
    )
    found: list[str] = verdicts["decision"].to_pylist()
    return found


def test_what_is_nearly_as_near_as_the_positive_is_dropped() -> None:
    assert decisions([0.9, 0.77, 0.75, -0.5], positive=0.8) == ["drop", "drop", "keep", "keep"]


def test_the_ceiling_lies_below_a_negative_positive() -> None:
    assert decisions([-0.39, -0.41, -0.43], positive=-0.4) == ["drop", "drop", "keep"]


def test_a_percentage_of_one_drops_only_what_is_nearer_than_the_positive() -> None:
    assert decisions([0.51, 0.5, 0.49], positive=0.5, percentage=1) == ["drop", "keep", "keep"]


@given(
    similarities=st.lists(st.floats(-1, 1, width=32), min_size=1),
    positive=st.floats(-1, 1, width=32),
    percentage=st.floats(0.05, 1),
)
def test_the_rule_holds_for_all_signs(
    similarities: list[float], positive: float, percentage: float
) -> None:
    ceiling = positive - (1 - percentage) * abs(positive)
    expected = ["drop" if value > ceiling else "keep" for value in similarities]
    found = decisions(similarities, positive, percentage)
    assert found == expected
    # Whatever is at least as near as the positive goes, unless the ceiling is the positive.
    assert all(
        decision == "drop"
        for decision, value in zip(found, similarities, strict=True)
        if value > positive
    )


def test_rows_tell_score_and_reason_in_the_order_of_the_negatives() -> None:
    table = to_table([mined("b", 0.75), mined("a", 0.25)])
    verdicts = false_negative_verdicts(table, positive_similarity={("q", "p"): 0.5})
    assert verdicts.schema == VERDICT_SCHEMA
    rows = verdicts.to_pylist()
    assert [row["negative_id"] for row in rows] == ["b", "a"]
    assert [row["score"] for row in rows] == [1.5, 0.5]
    assert [row["reason"] for row in rows] == ["nearer to the query than 95% of its positive", None]
    assert {row["filter"] for row in rows} == {"percentage-of-positive"}


def test_the_fingerprint_tells_percentages_apart() -> None:
    table = to_table([mined("a", 0.5)])
    known = {("q", "p"): 0.5}
    fingerprints = {
        false_negative_verdicts(table, positive_similarity=known, percentage=share)["fingerprint"][
            0
        ].as_py()
        for share in (0.9, 0.95)
    }
    assert len(fingerprints) == 2


def test_each_negative_is_held_against_its_own_positive() -> None:
    table = to_table(
        [
            mined("a", 0.5, query_id="q1", positive_id="p1"),
            mined("b", 0.5, query_id="q1", positive_id="p2"),
            mined("c", 0.5, query_id="q2", positive_id="p1"),
        ]
    )
    known = {("q1", "p1"): 0.5, ("q1", "p2"): 0.9, ("q2", "p1"): 0.4}
    verdicts = false_negative_verdicts(table, positive_similarity=known)
    assert verdicts["decision"].to_pylist() == ["drop", "keep", "drop"]


def test_synthetic_negatives_are_passed_over() -> None:
    near = Negative(
        negative_id="s", query_id="q", positive_id="p", source="llm", text="x", query_similarity=1
    )
    table = to_table([near, mined("a", 0.1)])
    verdicts = false_negative_verdicts(table, positive_similarity={("q", "p"): 0.5})
    assert verdicts["negative_id"].to_pylist() == ["a"]
    assert false_negative_verdicts(to_table([]), positive_similarity={}).num_rows == 0


@pytest.mark.parametrize("percentage", [0, -1, 1.01, float("nan")])
def test_a_percentage_out_of_range_is_refused(percentage: float) -> None:
    with pytest.raises(InputError, match="percentage"):
        decisions([0.1], 0.5, percentage)


def test_a_missing_similarity_is_refused_and_never_passes_for_a_verdict() -> None:
    with pytest.raises(InputError, match=r"query_similarity.*1 mined.*'b'"):
        false_negative_verdicts(
            to_table([mined("a", 0.1), mined("b", None)]), positive_similarity={("q", "p"): 0.5}
        )
    for known in ({}, {("q", "p"): float("nan")}):
        with pytest.raises(InputError, match="positive_similarity"):
            false_negative_verdicts(to_table([mined("a", 0.1)]), positive_similarity=known)


def test_chunked_columns_of_many_rows_are_judged_in_seconds() -> None:
    count, queries = 200_000, 2_000
    owner = np.arange(count) % queries
    columns = {field.name: pa.nulls(count, field.type) for field in NEGATIVE_SCHEMA}
    names = pa.array([str(number) for number in range(count)])
    columns.update(
        negative_id=names,
        doc_id=names,
        query_id=pa.array([f"q{n}" for n in range(queries)]).take(pa.array(owner)),
        positive_id=pa.array([f"p{n}" for n in range(queries)]).take(pa.array(owner)),
        source=pa.repeat("dense", count),
        query_similarity=pa.array(np.linspace(-1, 1, count, dtype=np.float32)),
    )
    table = pa.table(columns, schema=NEGATIVE_SCHEMA)
    chunked = pa.concat_tables([table.slice(0, 77), table.slice(77)])
    known = {(f"q{n}", f"p{n}"): n / queries for n in range(queries)}
    verdicts = false_negative_verdicts(chunked, positive_similarity=known)
    expected = np.linspace(-1, 1, count, dtype=np.float32) > 0.95 * owner / queries
    assert (verdicts["decision"].to_numpy() == "drop").tolist() == expected.tolist()
