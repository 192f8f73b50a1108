from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from syneg.files import write_table
from syneg.negatives.pool import NegativePool
from syneg.negatives.record import NEGATIVE_SCHEMA, Negative, from_table, to_table, with_all_columns

ADDED = ["difficulty", "requirement", "rewritten_from", "rounds"]
ONE = Negative(negative_id="n", query_id="q", positive_id="p", source="llm", text="t")


def test_parts_of_an_earlier_version_are_read_beside_new_ones(tmp_path: Path) -> None:
    pool = NegativePool(tmp_path)
    old = to_table([ONE]).drop_columns(ADDED)
    write_table(tmp_path / "negatives" / "old.parquet", old)
    pool.write_negatives("new", to_table([Negative(**{**vars_of(ONE), "rounds": 2})]))
    table = pool.negatives()
    assert table.schema == NEGATIVE_SCHEMA
    assert table["rounds"].to_pylist() == [2, None]
    assert from_table(pool.negatives("old")) == [ONE]
    # Tables of an earlier version can be written too.
    pool.write_negatives("again", old)
    assert from_table(pool.negatives("again")) == [ONE]


def vars_of(one: Negative) -> dict[str, object]:
    return {name: getattr(one, name) for name in NEGATIVE_SCHEMA.names}


def test_what_no_record_can_be_without_is_missed() -> None:
    with pytest.raises(KeyError, match="query_id"):
        with_all_columns(to_table([ONE]).drop_columns(["query_id"]))


def test_columns_of_another_width_are_cast() -> None:
    wide = to_table([ONE]).set_column(0, "negative_id", pa.array(["n"], pa.large_string()))
    assert with_all_columns(wide).schema == NEGATIVE_SCHEMA
