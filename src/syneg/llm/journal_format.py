"""The journal's tables, and the upgrade of a journal that an earlier version wrote."""

from __future__ import annotations

import hashlib
import json
import sqlite3

from syneg.llm.protocol import FailureKind
from syneg.llm.retries import asking_again_is_of_no_use

FORMAT = 2

# What many requests share (system messages, schemas) stands once in `texts`. `key` is the
# request's own; the settings are a JSON object; costs are US dollars.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS answers (
        key TEXT PRIMARY KEY,
        model TEXT NOT NULL,
        system INTEGER REFERENCES texts (id),
        schema INTEGER REFERENCES texts (id),
        user TEXT NOT NULL,
        settings TEXT NOT NULL,
        answer TEXT NOT NULL,
        finish TEXT NOT NULL,
        prompt_tokens INTEGER,
        completion_tokens INTEGER,
        seconds REAL NOT NULL,
        cost REAL,
        time TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS answers_by_prompt ON answers (system, model)",
    """CREATE TABLE IF NOT EXISTS failures (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        model TEXT NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        status INTEGER,
        attempt INTEGER NOT NULL,
        lasting INTEGER NOT NULL,
        time TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS failures_by_key ON failures (key)",
    """CREATE TABLE IF NOT EXISTS spent (
        task TEXT PRIMARY KEY,
        seconds REAL NOT NULL DEFAULT 0,
        answers INTEGER NOT NULL DEFAULT 0,
        prompt_characters INTEGER NOT NULL DEFAULT 0,
        prompt_tokens INTEGER NOT NULL DEFAULT 0,
        completion_tokens INTEGER NOT NULL DEFAULT 0,
        cost REAL NOT NULL DEFAULT 0
    )""",
)
_OLD_TABLES = ("answers", "failures", "spent")
# Rows of format 1 are split inside SQLite, by these functions of the request's JSON.
_FROM_FORMAT_1 = (
    "INSERT OR IGNORE INTO texts SELECT text_id(part(request, 'system')),"
    " part(request, 'system') FROM old_answers WHERE part(request, 'system') IS NOT NULL",
    "INSERT OR IGNORE INTO texts SELECT text_id(part(request, 'schema')),"
    " part(request, 'schema') FROM old_answers WHERE part(request, 'schema') IS NOT NULL",
    "INSERT INTO answers (key, model, system, schema, user, settings, answer, finish,"
    " prompt_tokens, completion_tokens, seconds, time)"
    " SELECT key, model, text_id(part(request, 'system')), text_id(part(request, 'schema')),"
    " part(request, 'user'), part(request, 'settings'), answer, finish, prompt_tokens,"
    " completion_tokens, seconds, time FROM old_answers ORDER BY rowid",
    "INSERT INTO failures SELECT id, key, model, kind, detail, status, attempt,"
    " is_lasting(kind, status), time FROM old_failures",
    "INSERT INTO spent (task, seconds) SELECT task, seconds FROM old_spent",
)


def text_id(text: str | None) -> int | None:
    """Return the number under which the journal keeps a text that many requests share.

    Returns:
        The first 64 bits of the text's SHA-256 as SQLite takes them: with a sign.

    Example:
        >>> text_id("Be short.") == text_id("Be short.") != text_id("Be long.")
        True
    """
    if text is None:
        return None
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def make_tables(connection: sqlite3.Connection, found: int) -> None:
    """Make the tables of this format, taking over what an earlier format holds.

    Args:
        connection: A connection inside a transaction: the file has all of the new format or
            nothing of it.
        found: The file's format: 0 for an empty file.
    """
    if found == 1:
        for table in _OLD_TABLES:
            connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        connection.execute("DROP INDEX failures_by_key")
    for statement in _TABLES:
        connection.execute(statement)
    if found == 1:
        _take_over(connection)
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def _take_over(connection: sqlite3.Connection) -> None:
    connection.create_function("part", 2, _Parts().part, deterministic=True)
    connection.create_function("text_id", 1, text_id, deterministic=True)
    connection.create_function("is_lasting", 2, _is_lasting, deterministic=True)
    for statement in _FROM_FORMAT_1:
        connection.execute(statement)
    for table in _OLD_TABLES:
        connection.execute(f"DROP TABLE old_{table}")
    for name, arguments in (("part", 2), ("text_id", 1), ("is_lasting", 2)):
        connection.create_function(name, arguments, None)


class _Parts:
    """Splits a request as format 1 kept it; a row's four parts are asked for one by one."""

    def __init__(self) -> None:
        self._request = ""
        self._parts: dict[str, str | None] = {}

    def part(self, request: str, name: str) -> str | None:
        if request != self._request or not self._parts:
            self._request, self._parts = request, _split(request)
        return self._parts[name]


def _split(request: str) -> dict[str, str | None]:
    try:
        value = json.loads(request)
        system, user = (message["content"] for message in value.pop("messages"))
        schema = value.pop("schema")
        if not (isinstance(system, str) and isinstance(user, str)):
            raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # Written by nobody we know; kept as it is.
        return {"system": None, "schema": None, "user": request, "settings": "{}"}
    return {
        "system": system,
        "schema": None
        if schema is None
        else json.dumps(schema, sort_keys=True, ensure_ascii=False),
        "user": user,
        "settings": json.dumps(value),
    }


def _is_lasting(kind: str, status: int | None) -> int:
    try:
        return int(asking_again_is_of_no_use(FailureKind(kind), status))
    except ValueError:
        return 0
