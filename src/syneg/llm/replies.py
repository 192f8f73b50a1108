"""Reading what a chat server replied: an answer, or which sort of failure."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from syneg.llm.protocol import ChatAnswer, FailureKind, LanguageModelError

_LONGEST_DETAIL = 300
# Said with HTTP 429 by an account without money: waiting does not help.
_NO_MONEY = "insufficient_quota"


def failure_kind(status: int, detail: str = "") -> FailureKind:
    """Return which sort of failure an HTTP status means.

    Args:
        status: The HTTP status, from 300.
        detail: What the server said with it.

    Example:
        >>> failure_kind(503)
        <FailureKind.SERVER: 'server-error'>
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


def read_answer(body: str, seconds: float) -> ChatAnswer:
    """Read the body of a reply with status 200.

    Args:
        body: The body, as text.
        seconds: From sending the request to the end of the reply.

    Returns:
        The answer. One that the token limit cut off is an answer too, with finish "length".

    Raises:
        LanguageModelError: The body is not a chat completion, or it holds no text. The detail
            is whole: a key in it is to be blotted out before it is shortened.
    """
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise _bad(f"the reply is not JSON: {body!r}") from None
    if not isinstance(value, Mapping):
        raise _bad(f"the reply is not a JSON object: {body!r}")
    choices = value.get("choices")
    if not choices and value.get("error"):
        raise _error_in_good_clothes(value["error"], body)
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise _bad(f"the reply has no choices: {body!r}")
    finish = str(choices[0].get("finish_reason") or "stop")
    message = choices[0].get("message")
    if not isinstance(message, Mapping):
        raise _bad(f"the reply has no message: {body!r}")
    if refusal := message.get("refusal"):
        raise _bad(f"the model refused: {refusal}")
    text = _text(message.get("content"))
    if not text.strip():
        raise _bad(f"the answer is empty (it ended by '{finish}')")
    usage = value.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    return ChatAnswer(
        text=text,
        finish=finish,
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        seconds=seconds,
    )


def _error_in_good_clothes(error: Any, body: str) -> LanguageModelError:
    # Some gateways reply 200 and put the true status inside.
    status = error.get("code") if isinstance(error, Mapping) else None
    detail = error_detail(body)
    if isinstance(status, int) and 300 <= status < 600:
        return LanguageModelError(failure_kind(status, detail), detail, status=status)
    return _bad(detail)


def _bad(detail: str) -> LanguageModelError:
    return LanguageModelError(FailureKind.BAD_ANSWER, " ".join(detail.split()))


def _text(content: Any) -> str:
    if isinstance(content, list):  # parts, as some servers send them
        parts = [part.get("text") for part in content if isinstance(part, Mapping)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
