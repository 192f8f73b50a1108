"""Rows gathered into Arrow columns, with the place in a file that each row came from."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_BATCH_ROWS = 16_384
_BATCH_CHARACTERS = 1 << 25


@dataclass(frozen=True)
class Sourced:
    """A table and where its rows came from, so that an error can name the place.

    Attributes:
        table: The rows; every column holds text.
        file: The file, or the words that name a part of a Hub data set.
        lines: The line of each row, counted from 1; None where the source has no lines.

    Example:
        >>> part = Sourced(pa.table({"id": ["a"]}), "corpus.jsonl", np.array([3]))
        >>> part.place(0)
        ('corpus.jsonl', 3)
        >>> Sourced(pa.table({"id": ["a"]}), "hub:x, corpus").place(0)
        ('hub:x, corpus, row 1', None)
    """

    table: pa.Table
    file: str
    lines: npt.NDArray[np.int64] | None = None

    @property
    def unit(self) -> str:
        """What a number from `numbers` counts: "line" or "row"."""
        return "row" if self.lines is None else "line"

    def number(self, row: int) -> int:
        """Return the line of a row, or the row counted from 1 where there are no lines."""
        return row + 1 if self.lines is None else int(self.lines[row])

    def place(self, row: int) -> tuple[str, int | None]:
        """Return the file and line of a row, as `InputError` takes them."""
        if self.lines is None:
            return f"{self.file}, row {row + 1}", None
        return self.file, self.number(row)


class RowGatherer:
    """Turns rows that arrive one at a time into Arrow columns, a batch at a time.

    Only one batch is ever held as Python objects.

    Args:
        names: The columns; all hold text (null is allowed).
        file: The file that the rows come from.

    Example:
        >>> rows = RowGatherer(["id", "text"], "queries.jsonl")
        >>> rows.add(1, ("q1", "Which animal purrs?"))
        >>> rows.finish().table.to_pylist()
        [{'id': 'q1', 'text': 'Which animal purrs?'}]
    """

    def __init__(self, names: list[str], file: str) -> None:
        self._file = file
        self._schema = pa.schema([(name, pa.large_string()) for name in names])
        self._lines = array("q")
        self._waiting: list[tuple[str | None, ...]] = []
        self._characters = 0
        self._batches: list[pa.RecordBatch] = []

    def add(self, line: int, row: tuple[str | None, ...]) -> None:
        """Add one row, in the order of the columns."""
        self._waiting.append(row)
        self._lines.append(line)
        self._characters += sum(len(value) for value in row if value is not None)
        if len(self._waiting) >= _BATCH_ROWS or self._characters >= _BATCH_CHARACTERS:
            self._flush()

    def finish(self) -> Sourced:
        """Return all rows added, with their lines."""
        self._flush()
        table = pa.Table.from_batches(self._batches, schema=self._schema)
        return Sourced(table, self._file, np.array(self._lines, dtype=np.int64))

    def _flush(self) -> None:
        if not self._waiting:
            return
        columns = zip(*self._waiting, strict=True)
        arrays = [pa.array(column, pa.large_string()) for column in columns]
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._waiting, self._characters = [], 0
