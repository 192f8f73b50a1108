"""The identity of a request, cheap enough for a million of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashlib import _Hash

_DIGITS = 16
# Characters that JSON escapes, but for the three that are usual in a text.
_RARE = bytes(set(range(32)) - {ord("\n")})
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str)
# Schemas whose text is known, by the object's identity; held, so that none is given away anew.
_SCHEMAS: dict[int, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {}
_MOST_SCHEMAS = 64


def request_key(
    model: str,
    system: str,
    user: str,
    schema: Mapping[str, Any] | None,
    *settings: float,
) -> str:
    """Return the hash that a request to a model is filed under.

    It is `syneg.files.value_hash` of all the arguments in one list. What thousands of requests
    share (the model, the system message, the schema) is written and hashed once.

    Args:
        model: The model's name.
        system: The system message.
        user: The user message.
        schema: The JSON schema asked for, or None.
        settings: Numbers that are part of the request, in a fixed order.

    Returns:
        16 hexadecimal digits.

    Example:
        >>> from syneg.files import value_hash
        >>> one = request_key("m", "Be short.", "Why?", {"type": "object"}, 0.8, 512)
        >>> one == value_hash(["m", "Be short.", "Why?", {"type": "object"}, 0.8, 512])
        True
    """
    digest = _beginning(model, system).copy()
    digest.update(_quoted(user))
    numbers = ", ".join(map(_number, settings))
    rest = f", {schema_text(schema)}, {numbers}]"
    digest.update(rest.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:_DIGITS]


def schema_text(schema: Mapping[str, Any] | None) -> str:
    """Return a schema as JSON text, remembered as long as nobody changes the schema.

    Example:
        >>> schema_text({"type": "object", "a": 1})
        '{"a": 1, "type": "object"}'
    """
    if schema is None:
        return "null"
    known = _SCHEMAS.get(id(schema))
    if known is not None and known[0] is schema and known[1] == schema:
        return known[2]
    text = _ENCODER.encode(schema)
    if len(_SCHEMAS) >= _MOST_SCHEMAS:
        _SCHEMAS.clear()
    # Read back, so that a change deep inside the schema is seen as one.
    _SCHEMAS[id(schema)] = (schema, json.loads(text), text)
    return text


def _quoted(text: str) -> bytes:
    # The usual text has nothing to escape but these three, which takes a fifth of the time.
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw.translate(None, _RARE)) < len(raw):
        return encode_basestring(text).encode("utf-8", "surrogatepass")
    escaped = raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"%b"' % escaped


def _number(value: float) -> str:
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)
    return _ENCODER.encode(value)


@lru_cache(maxsize=256)
def _beginning(model: str, system: str) -> _Hash:
    text = f"[{encode_basestring(model)}, {encode_basestring(system)}, "
    return hashlib.sha256(text.encode("utf-8", "surrogatepass"))
