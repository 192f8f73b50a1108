"""Reading what a chat server replied with status 200: an answer, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syneg.llm.failures import error_detail, failure_kind
from syneg.llm.protocol import ChatAnswer, FailureKind, LanguageModelError

LENGTH = "length"
# How servers other than OpenAI's name an end by the token limit.
_LENGTH_NAMES = frozenset({LENGTH, "max_tokens", "model_length", "max_output_tokens"})
# An end brought about by a filter or by the model's own unwillingness.
_REFUSAL_NAMES = frozenset(
    {"content_filter", "refusal", "safety", "blocklist", "prohibited_content", "recitation"}
)
_ERROR_NAMES = frozenset({"error", "malformed_response"})
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_THOUGHT_PARTS = frozenset({"thinking", "reasoning", "redacted_thinking"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP reply.

    Attributes:
        status: The HTTP status.
        reason: The words beside it.
        headers: The headers; names in lower case find their values.
        body: The body, decompressed.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 become replacement characters."""
        return self.body.decode("utf-8", "replace")


def read_answer(body: str, seconds: float, *, max_tokens: int | None = None) -> ChatAnswer:
    """Read the body of a reply with status 200.

    Fields that hold a reasoning model's thoughts are passed over.

    Args:
        body: The body, as text.
        seconds: From sending the request to the end of the reply.
        max_tokens: The token limit that was sent, for the error's text.

    Returns:
        The answer. One that the token limit cut off is an answer too, with finish "length",
        whatever the server calls it.

    Raises:
        LanguageModelError: The body is not a chat completion, it holds no text, or the model or
            a filter refused (`FailureKind.REFUSAL`). The detail is whole: a key in it is to be
            blotted out before it is shortened.
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
    choice = choices[0]
    finish = _finish(choice.get("finish_reason"))
    if choice.get("error") and (finish in _ERROR_NAMES or not choice.get("message")):
        raise _error_in_good_clothes(choice["error"], json.dumps({"error": choice["error"]}))
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise _bad(f"the reply has no message: {body!r}")
    usage = value.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    answer = ChatAnswer(
        text=_text(message.get("content")),
        finish=finish,
        prompt_tokens=_count(counts, "prompt_tokens", "input_tokens"),
        completion_tokens=_count(counts, "completion_tokens", "output_tokens"),
        seconds=seconds,
    )
    _check_answer(answer, message, max_tokens)
    return answer


def _check_answer(answer: ChatAnswer, message: Mapping[str, Any], max_tokens: int | None) -> None:
    if refusal := message.get("refusal"):
        raise _refused(f"the model refused: {refusal}", answer)
    if answer.finish in _REFUSAL_NAMES:
        raise _refused(f"a filter held the answer back (it ended by '{answer.finish}')", answer)
    if answer.text.strip():
        return
    if answer.finish == LENGTH:
        limit = "" if max_tokens is None else f" of {max_tokens}"
        thought = any(message.get(name) for name in _THOUGHTS)
        where = "all of it went into the model's reasoning" if thought else "no text came before it"
        raise _bad(
            f"the answer is empty: the token limit{limit} was reached and {where};"
            " raise max_tokens, or switch the model's reasoning off",
            answer,
        )
    raise _bad(f"the answer is empty (it ended by '{answer.finish}')", answer)


def _finish(value: Any) -> str:
    finish = str(value or "stop")
    lower = finish.lower()
    if lower in _LENGTH_NAMES:
        return LENGTH
    return lower if lower in _REFUSAL_NAMES or lower in _ERROR_NAMES else finish


def _error_in_good_clothes(error: Any, body: str) -> LanguageModelError:
    # Some gateways reply 200 and put the true status inside.
    status = error.get("code") if isinstance(error, Mapping) else None
    detail = error_detail(body)
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if isinstance(status, int) and 300 <= status < 600:
        return LanguageModelError(failure_kind(status, detail), detail, status=status)
    return _bad(detail)


def _bad(detail: str, unusable: ChatAnswer | None = None) -> LanguageModelError:
    text = " ".join(detail.split())
    return LanguageModelError(FailureKind.BAD_ANSWER, text, unusable=unusable)


def _refused(detail: str, unusable: ChatAnswer) -> LanguageModelError:
    return LanguageModelError(FailureKind.REFUSAL, " ".join(detail.split()), unusable=unusable)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):  # parts, as some servers send them
        parts = [
            part.get("text")
            for part in content
            if isinstance(part, Mapping) and part.get("type") not in _THOUGHT_PARTS
        ]
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def _count(counts: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = counts.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None
