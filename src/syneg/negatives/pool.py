"""The pool: every negative of a run and every verdict on it, in Parquet parts."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from syneg.errors import InputError
from syneg.files import read_table, write_table
from syneg.negatives.record import NEGATIVE_SCHEMA
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision

_PART = re.compile(r"[A-Za-z0-9._-]+")


class NegativePool:
    """Negatives and verdicts under one folder, each part one Parquet file.

    A part is written whole or not at all; writing a part of the same name again replaces it,
    so that a stage which is repeated after a crash leaves no row twice.

    Args:
        folder: Where the pool lies; made when the first part is written.

    Example:
        >>> import tempfile
        >>> from syneg.negatives.record import Negative, negative_identity, to_table
        >>> pool = NegativePool(Path(tempfile.mkdtemp()))
        >>> pool.write_negatives("bm25", to_table([Negative(
        ...     negative_id=negative_identity("q", "p", "bm25", "d"), query_id="q",
        ...     positive_id="p", source="bm25", doc_id="d", score=7.5, rank=1)]))
        >>> pool.negatives().num_rows, pool.verdicts().num_rows
        (1, 0)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_negatives(self, part: str, negatives: pa.Table) -> None:
        """Write one part of negatives (columns: `NEGATIVE_SCHEMA`)."""
        write_table(self._path("negatives", part), negatives.cast(NEGATIVE_SCHEMA))

    def write_verdicts(self, part: str, verdicts: pa.Table) -> None:
        """Write one part of verdicts (columns: `VERDICT_SCHEMA`)."""
        write_table(self._path("verdicts", part), verdicts.cast(VERDICT_SCHEMA))

    def negatives(self, *parts: str) -> pa.Table:
        """Return the negatives of the named parts, or of all parts, sorted by part name."""
        return self._read("negatives", parts, NEGATIVE_SCHEMA)

    def verdicts(self, *parts: str) -> pa.Table:
        """Return the verdicts of the named parts, or of all parts, sorted by part name."""
        return self._read("verdicts", parts, VERDICT_SCHEMA)

    def parts(self, kind: str = "negatives") -> list[str]:
        """Return the names of the parts of a kind, "negatives" or "verdicts"."""
        return sorted(path.stem for path in (self.folder / kind).glob("[!.]*.parquet"))

    def _path(self, kind: str, part: str) -> Path:
        if not _PART.fullmatch(part) or part.startswith("."):
            raise InputError(
                "is no name for a part of the pool",
                field="part",
                value=part,
                remedy="use letters, digits, '.', '_' and '-'",
            )
        return self.folder / kind / f"{part}.parquet"

    def _read(self, kind: str, parts: tuple[str, ...], schema: pa.Schema) -> pa.Table:
        tables = [read_table(self._path(kind, part)) for part in parts or self.parts(kind)]
        return pa.concat_tables([schema.empty_table(), *(one.cast(schema) for one in tables)])


def standing_decisions(verdicts: pa.Table) -> dict[str, Decision]:
    """Return what stands for every judged negative.

    A person's latest verdict outweighs every filter; among filters, relabel outweighs drop,
    and drop outweighs keep and mark. A filter that judged the same negative several times
    counts with its latest verdict only.

    Args:
        verdicts: Rows with `VERDICT_SCHEMA`; at equal times the later row counts.

    Returns:
        Decision by negative id; MARK is returned as KEEP.
    """
    latest: dict[tuple[str, str], tuple[object, Decision]] = {}
    columns = ("negative_id", "filter", "decision", "reviewer", "time")
    for negative_id, name, decision, reviewer, time in zip(
        *(verdicts[column].to_pylist() for column in columns), strict=True
    ):
        key = (negative_id, "" if reviewer is not None else name)
        if key not in latest or latest[key][0] <= time:
            latest[key] = (time, Decision(decision))
    weight = {Decision.KEEP: 0, Decision.MARK: 0, Decision.DROP: 1, Decision.RELABEL: 2}
    standing: dict[str, Decision] = {}
    for (negative_id, name), (_, decision) in latest.items():
        if name == "":
            continue
        plain = Decision.KEEP if decision is Decision.MARK else decision
        if weight[plain] >= weight[standing.get(negative_id, Decision.KEEP)]:
            standing[negative_id] = plain
    for (negative_id, name), (_, decision) in latest.items():
        if name == "":
            standing[negative_id] = Decision.KEEP if decision is Decision.MARK else decision
    return standing


def stands(negatives: pa.Table, verdicts: pa.Table) -> pa.ChunkedArray:
    """Tell for each row whether its standing decision is to keep it; what is not judged stands.

    Args:
        negatives: Rows with a `negative_id`.
        verdicts: Columns of `VERDICT_SCHEMA`.
    """
    decisions = standing_decisions(verdicts)
    gone = [one for one, decision in decisions.items() if decision is not Decision.KEEP]
    ids = pa.array(gone, negatives.schema.field("negative_id").type)
    return pc.invert(pc.is_in(negatives["negative_id"], value_set=ids))
