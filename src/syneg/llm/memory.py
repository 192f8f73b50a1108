"""Remembering, also across processes, which form of request each server takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from syneg.files import read_json, write_json
from syneg.llm.dialect import Dialect

_log = logging.getLogger(__name__)

_VERSION = 1
# Servers are brought up to date: what one could not do last week is tried again.
_KEPT_SECONDS = 7 * 24 * 3600.0
_DIALECT = TypeAdapter(Dialect)


class DialectMemory:
    """A small JSON file of dialects by server and model; it is a convenience, never a need.

    A file that cannot be read or written is passed over. Several processes may use it: each
    write keeps what the others wrote before.

    Args:
        path: The file; None remembers nothing.

    Example:
        >>> import tempfile
        >>> memory = DialectMemory(Path(tempfile.mkdtemp()) / "servers.json")
        >>> memory.remember("http://127.0.0.1:1/v1", "small", Dialect(sends_seed=False))
        >>> memory.recall("http://127.0.0.1:1/v1", "small").sends_seed
        False
        >>> memory.recall("http://127.0.0.1:1/v1", "other").sends_seed
        True
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def recall(self, url: str, model: str) -> Dialect:
        """Return what a server is known to take; the fullest form when nothing is known."""
        entry = self._entries().get(_name(url, model))
        if not isinstance(entry, Mapping) or not _is_fresh(entry.get("learned_at")):
            return Dialect()
        try:
            return _DIALECT.validate_python(entry.get("dialect"))
        except ValidationError:
            return Dialect()

    def remember(self, url: str, model: str, dialect: Dialect) -> None:
        """Write down what a server takes."""
        if self._path is None:
            return
        entry = {"learned_at": int(time.time()), "dialect": asdict(dialect)}
        servers = {**self._entries(), _name(url, model): entry}
        try:
            write_json(self._path, {"version": _VERSION, "servers": servers})
        except OSError as error:
            _log.warning("what the server understands cannot be kept in %s: %s", self._path, error)

    def _entries(self) -> Mapping[str, Any]:
        if self._path is None:
            return {}
        try:
            value = read_json(self._path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("%s cannot be read and is passed over: %s", self._path, error)
            return {}
        if not isinstance(value, Mapping) or value.get("version") != _VERSION:
            return {}
        servers = value.get("servers")
        return servers if isinstance(servers, Mapping) else {}


def _name(url: str, model: str) -> str:
    return f"{url} {model}"


def _is_fresh(learned_at: Any) -> bool:
    return isinstance(learned_at, int | float) and 0 <= time.time() - learned_at < _KEPT_SECONDS
