"""Opening the journal's SQLite file, and telling its errors in plain words."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syneg.errors import InputError
from syneg.llm.journal_format import FORMAT, make_tables

_log = logging.getLogger(__name__)

# How long a process waits for another one that is writing.
_BUSY_SECONDS = 60.0

_PRIMARY_CODE = 0xFF
_DISK_ERRORS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
}


def open_journal_file(path: Path) -> sqlite3.Connection:
    """Open a journal's file, making it when it is missing.

    Args:
        path: The file.

    Returns:
        A connection that commits every statement by itself.

    Raises:
        InputError: The file is no journal, or it cannot be opened.
        OSError: The disk is full or broken.
    """
    with telling_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    _write_ahead(connection)
    # FULL, not NORMAL: the log itself is synced at every answer, so that even a power cut loses
    # none. That takes milliseconds, where the answer took seconds (and perhaps money).
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > FORMAT:
            raise InputError(
                f"the journal was written by a later version of syneg (format {found})",
                file=path,
                remedy="update syneg",
            )
        if found == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise _no_journal(path)
        if found == 1:
            _log.info("%s: taking the journal's rows over into format %d", path, FORMAT)
        if found < FORMAT:
            make_tables(connection, found)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _write_ahead(connection: sqlite3.Connection) -> None:
    # SQLite does not wait for others when it changes this mode, so the waiting is done here.
    # Where a file system has no shared memory the mode stays as it was, which is as safe.
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def telling_plainly(path: Path) -> Iterator[None]:
    """Raise SQLite's errors inside the block as what they mean to the user.

    Raises:
        InputError: The file is no journal, damaged, locked, or cannot be opened.
        OSError: The disk is full (ENOSPC), broken (EIO) or read-only (EROFS).
    """
    try:
        yield
    except sqlite3.Error as error:
        code = _code(error)
        if code in _DISK_ERRORS:
            number = _DISK_ERRORS[code]
            raise OSError(number, os.strerror(number), str(path)) from error
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise _no_journal(path) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise InputError(
                f"another process has held the journal for {_BUSY_SECONDS:g} seconds",
                file=path,
                remedy="wait until it has ended",
            ) from error
        raise InputError(
            f"the journal cannot be used: {error}",
            file=path,
            remedy="check that it is a file that you may read and write",
        ) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            "the journal's folder is not a folder", file=path.parent, remedy="choose another"
        ) from error


def _code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & _PRIMARY_CODE


def _no_journal(path: Path) -> InputError:
    return InputError(
        "the file is no journal, or it is damaged",
        file=path,
        remedy="move it away to begin a new one",
    )
