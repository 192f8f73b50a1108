"""What stands, found in columns, against the plain definition row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from syneg.negatives.pool import standing_decisions, stands
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision, Verdict, verdicts_to_table

START = datetime(2026, 1, 1, tzinfo=UTC)
IDS = ("a", "b", "c", "ü")

verdict_lists = st.lists(
    st.builds(
        Verdict,
        negative_id=st.sampled_from(IDS),
        filter=st.sampled_from(("length", "copy", "judge")),
        fingerprint=st.just("f"),
        decision=st.sampled_from(Decision),
        reviewer=st.sampled_from((None, None, "Ada", "")),
        time=st.integers(0, 3).map(lambda second: START + timedelta(seconds=second)),
    ),
    max_size=30,
)


def row_by_row(verdicts: pa.Table) -> dict[str, Decision]:
    """The definition: a dictionary entry for every row."""
    latest: dict[tuple[str, str], tuple[datetime, Decision]] = {}
    for row in verdicts.to_pylist():
        key = (row["negative_id"], "" if row["reviewer"] is not None else row["filter"])
        if key not in latest or latest[key][0] <= row["time"]:
            latest[key] = (row["time"], Decision(row["decision"]))
    weight = {Decision.KEEP: 0, Decision.MARK: 0, Decision.DROP: 1, Decision.RELABEL: 2}
    standing: dict[str, Decision] = {}
    for (negative_id, name), (_, decision) in latest.items():
        if name and weight[decision] >= weight[standing.get(negative_id, Decision.KEEP)]:
            standing[negative_id] = decision
    standing |= {one: decision for (one, name), (_, decision) in latest.items() if not name}
    return {
        one: Decision.KEEP if decision is Decision.MARK else decision
        for one, decision in standing.items()
    }


@given(verdict_lists, st.integers(1, 30))
def test_columns_and_rows_agree(verdicts: list[Verdict], chunk: int) -> None:
    table = verdicts_to_table(verdicts)
    expected = row_by_row(table)
    chunks = [table.slice(start, chunk) for start in range(0, table.num_rows, chunk)]
    chunked = pa.concat_tables([VERDICT_SCHEMA.empty_table(), *chunks])
    assert standing_decisions(chunked) == expected
    negatives = pa.table({"negative_id": [*IDS, "unjudged"]})
    kept = [expected.get(one, Decision.KEEP) is Decision.KEEP for one in (*IDS, "unjudged")]
    assert stands(negatives, chunked).to_pylist() == kept


def test_nothing_judged_stands_whole() -> None:
    empty = VERDICT_SCHEMA.empty_table()
    assert standing_decisions(empty) == {}
    assert stands(pa.table({"negative_id": ["a"]}), empty).to_pylist() == [True]
    none = pa.table({"negative_id": pa.array([], pa.string())})
    assert stands(none, empty).to_pylist() == []
