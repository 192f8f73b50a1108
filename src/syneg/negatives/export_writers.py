"""Writing rows as they come, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from syneg.errors import InputError
from syneg.files import replacing
from syneg.negatives.export_records import Row

_ROWS_AT_ONCE = 1024


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write a text file in UTF-8, a line each, and return how many.

    Raises:
        InputError: There is no line.
    """
    count = 0
    with replacing(path) as temporary:
        with temporary.open("w", encoding="utf-8", newline="\n") as handle:
            for line in lines:
                handle.write(line + "\n")
                count += 1
        _refuse_nothing(count, path)
    return count


def write_json_lines(path: Path, rows: Iterable[Row]) -> int:
    """Write one JSON object on each line, and return how many.

    Raises:
        InputError: There is no row.
    """
    return write_lines(path, (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows))


def write_parquet(path: Path, rows: Iterator[Row]) -> int:
    """Write rows of texts as Parquet, some at a time, and return how many.

    Raises:
        InputError: There is no row.
    """
    count = 0
    with replacing(path) as temporary:
        first = list(islice(rows, _ROWS_AT_ONCE))
        _refuse_nothing(len(first), path)
        # Of large texts a column may hold more than 2 GB.
        schema = pa.schema([(name, pa.large_string()) for name in first[0]])
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            while first:
                writer.write_table(pa.Table.from_pylist([dict(row) for row in first], schema))
                count += len(first)
                first = list(islice(rows, _ROWS_AT_ONCE))
    return count


def _refuse_nothing(count: int, path: Path) -> None:
    if not count:
        raise InputError(
            "no query has the negatives that were asked for: there is nothing to write",
            file=path,
            remedy="ask for fewer (--negatives), search deeper (--depth), or loosen the rules "
            "(--select)",
        )
