"""A chat model behind any server that speaks the OpenAI API."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from syneg.errors import InputError
from syneg.llm.address import (
    api_key_from_environment,
    is_this_machine,
    server_address,
)
from syneg.llm.dialect import Dialect
from syneg.llm.failures import error_detail, is_loading, shortened
from syneg.llm.memory import DialectMemory
from syneg.llm.model_list import check_server, listed_models, taken_model
from syneg.llm.pace import Pace
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError
from syneg.llm.quotas import Turn
from syneg.llm.refusals import is_refusal
from syneg.llm.replies import Reply, read_answer
from syneg.llm.transport import Transport

__all__ = [
    "OpenAICompatibleModel",
    "api_key_from_environment",
    "check_server",
    "is_this_machine",
]

_log = logging.getLogger(__name__)

_LOADING_PAUSE_SECONDS = 1.0
# Statuses with which servers refuse a part of the API that they do not have.
_NOT_TAKEN_STATUSES = (400, 404, 422, 500, 501)
# Real keys are longer; a placeholder such as "none" may well stand in an honest answer.
_SHORTEST_SECRET = 16


class OpenAICompatibleModel:
    """A `LanguageModel` over `POST …/chat/completions`.

    The key goes into one header and nowhere else: it is blotted out of every error text and
    every answer.

    Args:
        url: The server: `http://host:port`, `…/v1` or `…/v1/chat/completions`.
        name: The model's name at the server; None lets `check` take the only one there is.
        api_key: The key; see `api_key_from_environment`.
        timeout: Most seconds that one request may take, from above 0. The time that a request
            waits for its turn does not count.
        pace: When requests may begin; None begins all at once, as long as the server's headers
            allow, and leaves it to whoever asks to obey a Retry-After.
        memory: A file in which it is remembered which form of request the server takes; None
            finds that out anew in each process.

    Raises:
        InputError: The URL is no web address or carries a key, or the key has characters that
            cannot be sent.

    Example:
        >>> OpenAICompatibleModel("http://127.0.0.1:8080", "small", api_key="secret")
        OpenAICompatibleModel(url='http://127.0.0.1:8080/v1', name='small')
    """

    def __init__(
        self,
        url: str,
        name: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 300.0,
        pace: Pace | None = None,
        memory: Path | None = None,
    ) -> None:
        if not timeout > 0:
            raise InputError("the time limit of a request is not above 0", value=timeout)
        self._transport = Transport(server_address(url), api_key, timeout)
        self._name = name
        self._pace = Pace(longest_hold_seconds=0.0) if pace is None else pace
        self._memory = DialectMemory(memory)
        self._dialect: Dialect | None = None
        self._is_remembered = True

    def __repr__(self) -> str:
        return f"OpenAICompatibleModel(url={self.url!r}, name={self._name!r})"

    @property
    def url(self) -> str:
        """The server's address up to and with its version; it holds no key."""
        return self._transport.address.base

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of all servers that are asked: the one."""
        return (self.url,)

    @property
    def pace(self) -> Pace:
        """When requests to the server may begin."""
        return self._pace

    @property
    def chosen_name(self) -> str | None:
        """The model's name; None while neither the user nor `check` has chosen one."""
        return self._name

    @property
    def name(self) -> str:
        """The model's name.

        Raises:
            InputError: None was given, and `check` has not chosen one.
        """
        if self._name is None:
            raise InputError("no language model was named", remedy="give --llm-model NAME")
        return self._name

    def choose(self, name: str) -> None:
        """Take a model's name where none was given."""
        self._name = name

    async def close(self) -> None:
        """Close the connections; asking again opens new ones."""
        await self._transport.close()

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """Answer one request once.

        A server that refuses a part of the API (a JSON schema, the seed) is asked again without
        it, and is not troubled with it afterwards. One that is still loading its model is
        waited for, for as long as a request may take.

        Args:
            request: What to ask.

        Returns:
            The answer.

        Raises:
            LanguageModelError: There was none.
        """
        patience_ends: float | None = None
        while True:
            dialect = self._known_dialect()
            reply, turn, seconds = await self._sent(dialect, request)
            if reply.status == HTTPStatus.OK:
                return self._read(reply, request, turn, seconds)
            error = self._transport.failure(reply)
            if is_loading(reply.status, error.detail):
                self._pace.withdraw(turn)
                patience_ends = patience_ends or time.monotonic() + self._transport.timeout
                if time.monotonic() >= patience_ends:
                    raise error
                self._pace.hold(min(_LOADING_PAUSE_SECONDS, self._transport.timeout))
                continue
            self._pace.failed(turn, error, reply.headers)
            if not self._has_simpler_dialect(dialect, request, reply):
                raise error

    async def _sent(self, dialect: Dialect, request: ChatRequest) -> tuple[Reply, Turn, float]:
        turn = await self._pace.begin(self._pace.expected_tokens(request))
        started = time.monotonic()
        try:
            reply = await self._transport.send(
                "POST", self._transport.address.chat, dialect.body(self.name, request)
            )
        except LanguageModelError as error:
            self._pace.failed(turn, error)
            raise
        except BaseException:
            self._pace.withdraw(turn)
            raise
        return reply, turn, time.monotonic() - started

    def _read(self, reply: Reply, request: ChatRequest, turn: Turn, seconds: float) -> ChatAnswer:
        redacted = self._transport.redacted
        try:
            answer = read_answer(reply.text, seconds, max_tokens=request.max_tokens)
        except LanguageModelError as error:
            detail = shortened(redacted(error.detail))
            failure = LanguageModelError(
                error.kind, detail, status=error.status, unusable=error.unusable
            )
            if error.status is None:
                self._pace.answered(turn, error.unusable, reply.headers)
            else:  # The true status stood inside.
                self._pace.failed(turn, failure, reply.headers)
            raise failure from None
        self._pace.answered(turn, answer, reply.headers)
        self._remember()
        text = redacted(answer.text, shortest=_SHORTEST_SECRET)
        if request.schema is not None and is_refusal(text):
            said = " ".join(text.split())
            detail = shortened(f"the model refused: {said}")
            raise LanguageModelError(FailureKind.REFUSAL, detail, unusable=answer)
        return answer if text == answer.text else replace(answer, text=text)

    def _known_dialect(self) -> Dialect:
        if self._dialect is None:
            self._dialect = self._memory.recall(self.url, self.name)
        return self._dialect

    def _has_simpler_dialect(self, used: Dialect, request: ChatRequest, reply: Reply) -> bool:
        if reply.status not in _NOT_TAKEN_STATUSES:
            return False
        if self._dialect != used:  # another request has learned something meanwhile
            return True
        refusal = error_detail(reply.text)
        simpler = used.after_refusal(refusal, request, doubtful=reply.status not in (400, 422))
        if simpler is None:
            return False
        _log.info("%s does not take all of a request; going on with %s", self.url, simpler)
        self._dialect, self._is_remembered = simpler, False
        return True

    def _remember(self) -> None:
        # Only once it has led to an answer: what was refused may have been something else.
        if not self._is_remembered and self._dialect is not None:
            self._is_remembered = True
            self._memory.remember(self.url, self.name, self._dialect)

    async def check(self) -> str:
        """Ask the server for its models, and take the only one if none was named.

        A server that is still loading its model is waited for, for as long as a request may
        take.

        Returns:
            The model's name.

        Raises:
            InputError: Nothing answers, the key is refused, or the model cannot be told.
        """
        names = await listed_models(self._transport)
        if names is not None:
            self._name = taken_model(self._name, names, self.url)
        return self.name
