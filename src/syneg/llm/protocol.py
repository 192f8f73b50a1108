"""What the rest of syneg needs of a language model, and nothing of retrieval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from syneg.errors import SynegError
from syneg.llm.keys import request_key


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request to a chat model.

    Attributes:
        system: The system message; the part that all requests share, so that servers can
            cache it.
        user: The user message.
        schema: JSON schema that the answer must satisfy, or None for free text.
        temperature: Sampling temperature, from 0.
        max_tokens: Most tokens that the answer may have.
        seed: Seed of the sampler, for servers that have one.
        sample: Number of the answer among those asked for with the same messages.
        tag: What the caller wants back with the answer; no part of the identity.
    """

    system: str
    user: str
    schema: Mapping[str, Any] | None = None
    temperature: float = 0.8
    max_tokens: int = 512
    seed: int = 0
    sample: int = 0
    tag: str = field(default="", compare=False)

    def key(self, model: str) -> str:
        """Return the identity of this request to a model: what the journal files it under."""
        return request_key(
            model,
            self.system,
            self.user,
            self.schema,
            self.temperature,
            self.max_tokens,
            self.seed,
            self.sample,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """What a chat model answered.

    Attributes:
        text: The answer as it came, not parsed.
        finish: Why it ended, in the server's words: "stop", "length", "content_filter".
        prompt_tokens: Tokens of the request; None if the server does not say.
        completion_tokens: Tokens of the answer; None if the server does not say.
        seconds: From sending the request to the end of the answer.
    """

    text: str
    finish: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float


class FailureKind(StrEnum):
    """Why a request got no answer."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    RATE_LIMIT = "rate-limit"
    SERVER = "server-error"
    REFUSED_KEY = "refused-key"
    BAD_REQUEST = "bad-request"
    BAD_ANSWER = "bad-answer"
    REFUSAL = "refusal"


class LanguageModelError(SynegError):
    """A request got no answer.

    Args:
        kind: The sort of failure.
        detail: What the server said, with the key blotted out.
        status: The HTTP status, where there was one.
        retry_after: Seconds that the server asked to wait, where it did.
        unusable: What came in place of an answer, where it was paid for like one.
    """

    def __init__(
        self,
        kind: FailureKind,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        unusable: ChatAnswer | None = None,
    ) -> None:
        self.kind = kind
        self.detail = detail
        self.status = status
        self.retry_after = retry_after
        self.unusable = unusable
        super().__init__(
            f"{kind.value}: {detail}" if status is None else f"HTTP {status}: {detail}"
        )


@runtime_checkable
class LanguageModel(Protocol):
    """A chat model behind some server."""

    @property
    def name(self) -> str:
        """The model's name, part of every request's identity."""
        ...  # pragma: no cover

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """Answer one request once, without trying again.

        Raises:
            LanguageModelError: There was no answer.
        """
        ...  # pragma: no cover


@runtime_checkable
class HoldsConnections(Protocol):
    """A language model with connections to close when nothing more is asked of it."""

    async def close(self) -> None:
        """Close the connections; asking again opens new ones."""
        ...  # pragma: no cover
