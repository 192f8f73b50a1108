"""The connections to a journal's file: one that writes and one that reads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from syneg.llm.journal_file import open_journal_file, telling_plainly

_KEYS_AT_ONCE = 500
# Holds the keys of some million answers, which are looked up in no order.
_READER_KIBIBYTES = 65_536


class JournalConnections:
    """Two connections, so that no reader waits until a disk is done with writing.

    Each serves all threads, one at a time.

    Args:
        path: The file, made when it is missing.

    Raises:
        InputError: The file is no journal or cannot be opened.
        OSError: The disk is full or broken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.writer = open_journal_file(path)
        self._writer_lock = threading.RLock()
        if str(path) == ":memory:":
            self._reader, self._reader_lock = self.writer, self._writer_lock
            return
        try:
            self._reader = open_journal_file(path)
        except BaseException:
            self.writer.close()
            raise
        self._reader.execute(f"PRAGMA cache_size = -{_READER_KIBIBYTES}")
        self._reader_lock = threading.RLock()

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        with self._reader_lock, telling_plainly(self._path):
            self._reader.close()
        with self._writer_lock, telling_plainly(self._path):
            self.writer.close()

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that reads."""
        with self._reader_lock, telling_plainly(self._path):
            return self._reader.execute(statement, values).fetchall()

    def rows_of(
        self, statement: str, keys: Iterable[str], ending: str = ""
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of many keys, a few hundred keys at a time.

        Args:
            statement: A statement that ends with `key IN`.
            keys: The keys.
            ending: What follows the list of keys.
        """
        remaining = iter(keys)
        while some := sorted(islice(remaining, _KEYS_AT_ONCE)):
            marks = ",".join("?" * len(some))
            yield from self.read(f"{statement} ({marks}){ending}", some)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection that writes; all is on the disk at the end, or nothing is.

        Raises:
            OSError: The disk is full or broken.
        """
        with self._writer_lock, telling_plainly(self._path):
            self.writer.execute("BEGIN IMMEDIATE")
            try:
                yield self.writer
                self.writer.execute("COMMIT")
            except BaseException:
                if self.writer.in_transaction:
                    self.writer.execute("ROLLBACK")
                raise
