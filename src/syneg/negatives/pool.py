"""The pool: every negative of a run and every verdict on it, in Parquet parts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.errors import InputError
from syneg.files import read_table, write_table
from syneg.negatives.record import NEGATIVE_SCHEMA, with_all_columns
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
        write_table(self._path("negatives", part), with_all_columns(negatives))

    def write_verdicts(self, part: str, verdicts: pa.Table) -> None:
        """Write one part of verdicts (columns: `VERDICT_SCHEMA`)."""
        write_table(self._path("verdicts", part), verdicts.cast(VERDICT_SCHEMA))

    def negatives(self, *parts: str) -> pa.Table:
        """Return the negatives of the named parts, or of all parts, sorted by part name."""
        tables = self._read("negatives", parts)
        # Parts that an earlier version wrote have fewer columns.
        return pa.concat_tables([NEGATIVE_SCHEMA.empty_table(), *map(with_all_columns, tables)])

    def verdicts(self, *parts: str) -> pa.Table:
        """Return the verdicts of the named parts, or of all parts, sorted by part name."""
        tables = [one.cast(VERDICT_SCHEMA) for one in self._read("verdicts", parts)]
        return pa.concat_tables([VERDICT_SCHEMA.empty_table(), *tables])

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

    def _read(self, kind: str, parts: tuple[str, ...]) -> list[pa.Table]:
        return [read_table(self._path(kind, part)) for part in parts or self.parts(kind)]


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
    ids, weights = _standing_weights(verdicts)
    decisions = (Decision.KEEP, Decision.DROP, Decision.RELABEL)
    return {
        one: decisions[weight]
        for one, weight in zip(ids.to_pylist(), weights.tolist(), strict=True)
    }


def stands(negatives: pa.Table, verdicts: pa.Table) -> pa.ChunkedArray:
    """Tell for each row whether its standing decision is to keep it; what is not judged stands.

    Args:
        negatives: Rows with a `negative_id`.
        verdicts: Columns of `VERDICT_SCHEMA`.
    """
    ids, weights = _standing_weights(verdicts)
    gone = ids.filter(pa.array(weights > 0)).cast(negatives.schema.field("negative_id").type)
    return pc.invert(pc.is_in(negatives["negative_id"], value_set=gone))


# What outweighs what among filters; a mark keeps.
_WEIGHTS = {Decision.KEEP: 0, Decision.MARK: 0, Decision.DROP: 1, Decision.RELABEL: 2}


def _standing_weights(verdicts: pa.Table) -> tuple[pa.Array, npt.NDArray[np.int8]]:
    """Return every judged negative's id and the weight of what stands for it."""
    ids, negative = _encoded(verdicts["negative_id"])
    names, judge = _encoded(verdicts["filter"])
    # All persons count as one judge, beside the filters.
    person = len(names)
    judge = np.where(verdicts["reviewer"].is_valid().to_numpy(), person, judge)
    key = negative.astype(np.int64) * (person + 1) + judge
    times = verdicts["time"].cast(pa.int64()).to_numpy()
    # The sort is stable: at equal times the later row stays behind.
    order = np.lexsort((times, key))
    latest = order[np.flatnonzero(np.diff(key[order], append=-1))]
    values, decision = _encoded(verdicts["decision"])
    weights = np.array([_WEIGHTS[Decision(value)] for value in values.to_pylist()], np.int8)
    weight, negative, judge = weights[decision[latest]], negative[latest], judge[latest]
    standing = np.zeros(len(ids), np.int8)
    by_filter = judge != person
    np.maximum.at(standing, negative[by_filter], weight[by_filter])
    standing[negative[~by_filter]] = weight[~by_filter]
    return ids, standing


def _encoded(column: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Return a column's different values and the place of each row's among them."""
    chunks = column.dictionary_encode().unify_dictionaries().chunks
    if not chunks:
        return pa.array([], column.type), np.empty(0, np.int32)
    places = np.concatenate([one.indices.to_numpy(zero_copy_only=False) for one in chunks])
    return chunks[0].dictionary, places
