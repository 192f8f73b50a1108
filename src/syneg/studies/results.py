"""What one cell of a study came to: one arm, one data set, one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from syneg.files import read_json, read_table, write_json, write_table

RESULT = "result.json"
PER_QUERY = "per_query.parquet"

PER_QUERY_SCHEMA = pa.schema(
    [
        pa.field("split", pa.string(), nullable=False),  # "development" or "test"
        pa.field("query_id", pa.string(), nullable=False),
        # Whether a positive of the query was a positive in training.
        pa.field("seen", pa.bool_(), nullable=False),
        pa.field("ndcg@10", pa.float64(), nullable=False),
        pa.field("mrr@10", pa.float64(), nullable=False),
        pa.field("recall@10", pa.float64(), nullable=False),
        pa.field("recall@100", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class CellResult:
    """What one cell came to.

    Attributes:
        dataset: Name of the data set.
        arm: Name of the arm.
        seed: Seed of the cell.
        key: Hash of everything that decides the cell's result.
        options: The arm's options as plain values.
        per_query: Columns of `PER_QUERY_SCHEMA`, both splits.
        facts: Steps, instances, seconds, composition of the negatives.
        instruments: What the instruments say, by name.
    """

    dataset: str
    arm: str
    seed: int
    key: str
    options: dict[str, Any]
    per_query: pa.Table
    facts: dict[str, Any] = field(default_factory=dict)
    instruments: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the result; `result.json` comes last and says that it is whole."""
        write_table(folder / PER_QUERY, self.per_query)
        plain = {key: value for key, value in self.__dict__.items() if key != "per_query"}
        write_json(folder / RESULT, plain)

    @classmethod
    def read(cls, folder: Path) -> CellResult:
        """Read what `write` wrote."""
        return cls(per_query=read_table(folder / PER_QUERY), **read_json(folder / RESULT))
