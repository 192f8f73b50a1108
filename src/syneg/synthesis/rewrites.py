"""Rewritten positives: texts in the style of generated negatives that are relevant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from syneg.files import replacing

_KEPT = ("query_id", "positive_id", "title", "text", "check", "rounds", "model", "prompt")


def rewritten_positives(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the rewritten positives among the records of the prompt "rewrite".

    Left out are those without a text and those that their check failed: a rewrite that lost
    what makes the document relevant is no positive.

    Args:
        table: Rows with `NEGATIVE_SCHEMA` (see `Writer.records`).

    Returns:
        Objects with query_id, positive_id, title, text, check, rounds, model and prompt, as
        `read_recorded_negatives` and the studies read them.
    """
    for batch in table.select([*_KEPT, "problem"]).to_batches():
        for row in batch.to_pylist():
            failed = (row["check"] or "").lower().startswith("fail")
            if row["text"] is not None and row["problem"] is None and not failed:
                yield {name: row[name] for name in _KEPT if row[name] is not None}


def write_rewritten_positives(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write rewritten positives as JSONL, atomically, and return how many there are.

    Args:
        path: The file; one that is there is replaced.
        rows: From `rewritten_positives`.
    """
    count = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
