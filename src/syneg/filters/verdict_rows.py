"""From findings to rows of verdicts, and what earlier rows make unnecessary."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syneg.filters.gates import Finding
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision

WITHDRAWN = "withdrawn"
"""The `fingerprint` of the row by which a gate that no longer runs takes its verdict back."""

_DROP, _MARK, _KEEP = Decision.DROP.value, Decision.MARK.value, Decision.KEEP.value


def verdict_rows(
    gate: str,
    ids: Sequence[str],
    fingerprints: Sequence[str],
    findings: Sequence[Finding],
    time: datetime,
) -> pa.Table:
    """Return one row with `VERDICT_SCHEMA` per finding.

    Example:
        >>> from syneg.negatives.verdict import now
        >>> rows = verdict_rows("copy", ["a"], ["f"], [Finding(True, 0.9, "a copy")], now())
        >>> rows.select(["negative_id", "decision", "score"]).to_pylist()
        [{'negative_id': 'a', 'decision': 'drop', 'score': 0.9}]
    """
    count = len(ids)
    decisions = [_DROP if one.drop else _MARK if one.mark else _KEEP for one in findings]
    columns = {
        "negative_id": pa.array(ids, pa.string()),
        "filter": pa.repeat(gate, count),
        "fingerprint": pa.array(fingerprints, pa.string()),
        "decision": pa.array(decisions, pa.string()),
        "score": pa.array([one.score for one in findings], pa.float64()),
        "reason": pa.array([one.reason for one in findings], pa.string()),
        "reviewer": pa.nulls(count, pa.string()),
        "time": pa.repeat(pa.scalar(time, VERDICT_SCHEMA.field("time").type), count),
    }
    return pa.table(columns, schema=VERDICT_SCHEMA)


class KnownVerdicts:
    """The latest verdict of each gate on each negative of a pool.

    Args:
        verdicts: Rows with `VERDICT_SCHEMA`; other filters' and persons' are passed over.
        gates: Names of the gates.
        ids: The negatives' ids, each once.

    Example:
        >>> from syneg.negatives.verdict import now
        >>> rows = verdict_rows("copy", ["a"], ["f"], [Finding(False)], now())
        >>> known = KnownVerdicts(rows, ["copy", "length"], pa.array(["b", "a"]))
        >>> known.latest("fingerprint", "copy"), known.latest("fingerprint", "length")
        ([None, 'f'], [None, None])
    """

    def __init__(self, verdicts: pa.Table, gates: Iterable[str], ids: pa.Array) -> None:
        gates = list(gates)
        names = pa.array(gates, pa.string())
        mine = pc.and_(
            pc.is_in(verdicts["filter"], value_set=names), pc.is_null(verdicts["reviewer"])
        )
        self.rows = verdicts.filter(mine)
        self._latest = {gate: np.full(len(ids), -1, np.int64) for gate in gates}
        if not self.rows.num_rows:
            return
        order = pc.sort_indices(self.rows, [("time", "ascending")]).to_numpy()
        asked = self.rows["negative_id"].cast(ids.type)
        places = pc.fill_null(pc.index_in(asked, value_set=ids), -1).to_numpy()[order]
        numbers = pc.index_in(self.rows["filter"], value_set=names).to_numpy()[order]
        for number, gate in enumerate(gates):
            chosen = (numbers == number) & (places >= 0)
            # Of several values for one place the last is kept: that of the latest row.
            self._latest[gate][places[chosen]] = order[chosen]

    def latest(self, column: str, gate: str, start: int = 0, count: int | None = None) -> list[Any]:
        """Return a column of a gate's latest verdicts on some of the ids; None: no verdict.

        Args:
            column: A column of `VERDICT_SCHEMA`.
            gate: The gate.
            start: Place of the first id.
            count: Number of ids; None: all from `start`.
        """
        rows = self._latest[gate][start : None if count is None else start + count]
        values: list[Any] = self.rows[column].take(pa.array(rows, mask=rows < 0)).to_pylist()
        return values


def texts_hash(texts: Iterable[str | None]) -> str:
    """Return a hash (16 hexadecimal digits) of some texts in their order.

    Example:
        >>> texts_hash(["ab", "c"]) == texts_hash(["a", "bc"])
        False
    """
    digest = hashlib.blake2b(digest_size=8)
    for text in texts:
        content = b"" if text is None else text.encode("utf-8", "surrogatepass")
        digest.update((-1 if text is None else len(content)).to_bytes(8, "little", signed=True))
        digest.update(content)
    return digest.hexdigest()


def column_hash(*columns: pa.ChunkedArray) -> str:
    """Return a hash of the texts in columns, whatever their chunks.

    Example:
        >>> whole = pa.chunked_array([["ab", "c"]])
        >>> column_hash(whole) == column_hash(pa.chunked_array([["ab"], ["c"]]))
        True
        >>> column_hash(whole) == column_hash(pa.chunked_array([["a", "bc"]]))
        False
    """
    digest = hashlib.blake2b(digest_size=8)
    for column in columns:
        lengths = hashlib.blake2b(digest_size=8)
        for chunk in column.chunks:
            sizes = pc.fill_null(pc.binary_length(chunk).cast(pa.int64()), -1)
            lengths.update(sizes.to_numpy(zero_copy_only=False).tobytes())
            digest.update(_bytes(pc.fill_null(chunk, "").cast(pa.large_string())))
        digest.update(lengths.digest())
    return digest.hexdigest()


def _bytes(texts: pa.Array) -> memoryview:
    _, offsets, values = texts.buffers()
    if values is None or not len(texts):
        return memoryview(b"")
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(values)[int(bounds[0]) : int(bounds[-1])]
