"""Text files read line by line, plain or gzipped, with the place of every fault."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from syneg.errors import InputError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MAY_HOLD_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Yield (line number, line without its end) for each line that is not blank.

    Lines end at "\n" or "\r\n" only, so other Unicode line separators may stand in a value.
    A byte order mark before the first line is dropped. A name that ends in `.gz` is gunzipped.

    Args:
        path: A text file in UTF-8.

    Raises:
        InputError: The file cannot be read, is damaged gzip, or is not UTF-8 (with the line).

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.txt"
        >>> _ = path.write_bytes(b"one\r\n\nthree\n")
        >>> list(numbered_lines(path))
        [(1, 'one'), (3, 'three')]
    """
    number = 0
    try:
        with _opened(path) as handle:
            for number, raw in enumerate(handle, start=1):
                line = _decoded(raw, path, number)
                if line and not line.isspace():
                    yield number, line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"the gzip data is damaged or cut off: {error}",
            file=path,
            line=number + 1,
            remedy="fetch or compress the file again",
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=path) from error


def json_object(line: str, path: Path, number: int) -> tuple[dict[str, Any], bool]:
    r"""Parse a line that must hold one JSON object.

    A half of a surrogate pair ("\ud800"), which no encoding can hold, becomes U+FFFD.

    Args:
        line: The line's text.
        path: The file it is from, for errors.
        number: Its line number, counted from 1, for errors.

    Returns:
        The object, and whether half a surrogate pair was replaced in one of its string values.

    Raises:
        InputError: The line is not JSON, or not an object.

    Example:
        >>> json_object('{"text": "a\\ud800"}', Path("queries.jsonl"), 1)
        ({'text': 'a\ufffd'}, True)
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        at = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            f"the line is not JSON ({getattr(error, 'msg', error)}{at})",
            file=path,
            line=number,
            value=line,
            remedy="write one JSON object on each line",
        ) from error
    if not isinstance(value, dict):
        raise InputError(
            "the line is not a JSON object",
            file=path,
            line=number,
            value=value,
            remedy='write {"_id": ..., "text": ...}',
        )
    return _without_surrogates(value) if _MAY_HOLD_SURROGATE.search(line) else (value, False)


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _decoded(raw: bytes, path: Path, number: int) -> str:
    if number == 1:
        raw = raw.removeprefix(_BYTE_ORDER_MARK)
    raw = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the line is not UTF-8 (byte {error.start + 1} of the line)",
            file=path,
            line=number,
            value=raw[error.start : error.start + 4],
            remedy="save the file as UTF-8",
        ) from error


def _without_surrogates(value: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    cleaned = {
        key: _LONE_SURROGATE.sub("\ufffd", item) if isinstance(item, str) else item
        for key, item in value.items()
    }
    return cleaned, cleaned != value
