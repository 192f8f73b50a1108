"""What an HTTP status and the words sent with it mean: which sort of failure, how long to wait."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from syneg.llm.protocol import FailureKind

_LONGEST_DETAIL = 300
# Said with HTTP 429 by an account without money: waiting does not help.
_NO_MONEY = "insufficient_quota"
# Azure's words for a prompt that its filter held back, sent with HTTP 400.
_FILTERED = re.compile(r"content[ _]filter|content management policy|ResponsibleAIPolicy", re.I)
_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum context|exceed_context|prompt is too long"
    r"|input is too long|too many (input )?tokens|reduce the length",
    re.IGNORECASE,
)
_SHORTEN = "ask with shorter documents, a lower max_tokens or a model with a longer context"
_LOADING = re.compile(r"loading model|model is (still )?(being )?load", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# A reset time from here on is a moment in milliseconds since 1970, not a wait in seconds.
_SMALLEST_MOMENT_MS = 10**12


def failure_kind(status: int, detail: str = "") -> FailureKind:
    """Return which sort of failure an HTTP status means.

    Args:
        status: The HTTP status, from 300.
        detail: What the server said with it.

    Example:
        >>> failure_kind(503)
        <FailureKind.SERVER: 'server-error'>
        >>> failure_kind(400, "blocked (content_filter)")
        <FailureKind.REFUSAL: 'refusal'>
    """
    # An account that is out of money is refused whatever is asked, like a wrong key.
    if status in (401, 402, 403) or (status == 429 and _NO_MONEY in detail):
        return FailureKind.REFUSED_KEY
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return FailureKind.RATE_LIMIT
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return FailureKind.TIMEOUT
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return FailureKind.SERVER
    if status == HTTPStatus.BAD_REQUEST and _FILTERED.search(detail):
        return FailureKind.REFUSAL
    return FailureKind.BAD_REQUEST


def error_detail(body: str) -> str:
    """Return what a server said was wrong, as one line.

    Example:
        >>> error_detail('{"error": {"message": "too long", "code": "context"}}')
        'too long (context)'
    """
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return " ".join(body.split())
    if isinstance(value, Mapping) and "error" in value:
        value = value["error"]
    if isinstance(value, Mapping):
        message = value.get("message") or value.get("detail")
        if isinstance(message, str):
            code = value.get("code") or value.get("type")
            value = f"{message} ({code})" if isinstance(code, str) else message
    text = value if isinstance(value, str) else json.dumps(value)
    return " ".join(text.split())


def shortened(detail: str) -> str:
    """Cut a text to what an error message has room for."""
    return detail if len(detail) <= _LONGEST_DETAIL else detail[: _LONGEST_DETAIL - 1] + "…"


def with_remedy(status: int, detail: str) -> str:
    """Return what a server said, cut to length, with what the user can do where that is known.

    Example:
        >>> with_remedy(413, "")
        'the request is too large; ask with shorter documents, a lower max_tokens or a model \
with a longer context'
    """
    too_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    said = shortened(detail)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"{said or 'redirected'}; give the address that this one leads to"
    if too_large or (status < HTTPStatus.INTERNAL_SERVER_ERROR and _TOO_LONG.search(detail)):
        return f"{said or 'the request is too large'}; {_SHORTEN}"
    return said


def is_loading(status: int, detail: str) -> bool:
    """Tell whether a server said that it is still loading its model, as llama.cpp does.

    Example:
        >>> is_loading(503, "Loading model (unavailable_error)")
        True
    """
    return status == HTTPStatus.SERVICE_UNAVAILABLE and _LOADING.search(detail) is not None


def retry_after_seconds(value: str | None, now: float | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks to wait.

    Args:
        value: The header: seconds or an HTTP date; None if the server sent none.
        now: The time, in seconds since 1970; None for the clock's.

    Returns:
        Seconds from 0, or None when the header says nothing usable.

    Example:
        >>> retry_after_seconds("2.5")
        2.5
        >>> retry_after_seconds("Thu, 01 Jan 1970 00:00:30 GMT", now=10.0)
        20.0
        >>> retry_after_seconds("soon") is None
        True
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value).timestamp()
        except (ValueError, OverflowError):
            return None
        seconds = moment - (time.time() if now is None else now)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def span_seconds(value: str | None, now: float | None = None) -> float | None:
    """Return the seconds until a limit is full again, as servers write them.

    Args:
        value: A span ("6m0s", "20ms", "12"), an ISO moment, or milliseconds since 1970.
        now: The time, in seconds since 1970; None for the clock's.

    Returns:
        Seconds from 0, or None when the header says nothing usable.

    Example:
        >>> span_seconds("1m30.5s"), span_seconds("250ms"), span_seconds("12")
        (90.5, 0.25, 12.0)
        >>> span_seconds("1970-01-01T00:00:30Z", now=10.0)
        20.0
        >>> span_seconds("later") is None
        True
    """
    text = (value or "").strip().lower()
    if _SPAN.sub("", text) == "" and text:
        return sum(float(count) * _UNIT_SECONDS[unit] for count, unit in _SPAN.findall(text))
    current = time.time() if now is None else now
    try:
        number = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.upper())
        except ValueError:
            return None
        if moment.tzinfo is None:  # Which clock it means is not known.
            return None
        return max(0.0, moment.timestamp() - current)
    if not math.isfinite(number):
        return None
    return max(0.0, number / 1000 - current if number >= _SMALLEST_MOMENT_MS else number)


def asked_wait(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a refusing reply asks to wait, in whichever header it does.

    Args:
        headers: The reply's headers; names in lower case find their values.
        now: The time, in seconds since 1970; None for the clock's.

    Example:
        >>> asked_wait({"retry-after-ms": "1500", "retry-after": "2"})
        1.5
        >>> asked_wait({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"})
        7.0
    """
    precise = retry_after_seconds(headers.get("retry-after-ms"))
    if precise is not None:
        return precise / 1000
    seconds = retry_after_seconds(headers.get("retry-after"), now)
    if seconds is None and headers.get("x-ratelimit-remaining") == "0":
        return span_seconds(headers.get("x-ratelimit-reset"), now)
    return seconds
