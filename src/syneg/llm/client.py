"""A chat model behind any server that speaks the OpenAI API."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import httpx

from syneg.errors import InputError
from syneg.llm.address import (
    KEY_VARIABLES,
    api_key_from_environment,
    is_this_machine,
    server_address,
)
from syneg.llm.blocking import run_to_end
from syneg.llm.dialect import Dialect
from syneg.llm.protocol import ChatAnswer, ChatRequest, LanguageModelError
from syneg.llm.replies import error_detail, read_answer, shortened
from syneg.llm.transport import Transport

__all__ = [
    "OpenAICompatibleModel",
    "api_key_from_environment",
    "check_server",
    "is_this_machine",
]

_log = logging.getLogger(__name__)

_CHECK_SECONDS = 15.0
_REFUSAL_STATUSES = (400, 422)
_KEY_STATUSES = (401, 403)
_NO_LIST_STATUSES = (404, 405, 501)
# Real keys are longer; a placeholder such as "none" may well stand in an honest answer.
_SHORTEST_SECRET = 16
_MOST_NAMES_SHOWN = 10


class OpenAICompatibleModel:
    """A `LanguageModel` over `POST …/chat/completions`.

    The key goes into one header and nowhere else: it is blotted out of every error text and
    every answer.

    Args:
        url: The server: `http://host:port`, `…/v1` or `…/v1/chat/completions`.
        name: The model's name at the server; None lets `check` take the only one there is.
        api_key: The key; see `api_key_from_environment`.
        timeout: Most seconds that one request may take, from above 0.

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
    ) -> None:
        if not timeout > 0:
            raise InputError("the time limit of a request is not above 0", value=timeout)
        self._transport = Transport(server_address(url), api_key, timeout)
        self._name = name
        self._dialect = Dialect()

    def __repr__(self) -> str:
        return f"OpenAICompatibleModel(url={self.url!r}, name={self._name!r})"

    @property
    def url(self) -> str:
        """The server's address up to and with its version; it holds no key."""
        return self._transport.address.base

    @property
    def name(self) -> str:
        """The model's name.

        Raises:
            InputError: None was given, and `check` has not chosen one.
        """
        if self._name is None:
            raise InputError("no language model was named", remedy="give --llm-model NAME")
        return self._name

    async def close(self) -> None:
        """Close the connections; asking again opens new ones."""
        await self._transport.close()

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """Answer one request once.

        A server that refuses a part of the API (a JSON schema, the seed) is asked again without
        it, and is not troubled with it afterwards.

        Args:
            request: What to ask.

        Returns:
            The answer.

        Raises:
            LanguageModelError: There was none.
        """
        while True:
            dialect = self._dialect
            started = time.monotonic()
            reply = await self._transport.send(
                "POST", self._transport.address.chat, dialect.body(self.name, request)
            )
            if reply.status_code == httpx.codes.OK:
                return self._read(reply, time.monotonic() - started)
            if not self._has_simpler_dialect(dialect, request, reply):
                raise self._transport.failure(reply)

    def _read(self, reply: httpx.Response, seconds: float) -> ChatAnswer:
        redacted = self._transport.redacted
        try:
            answer = read_answer(reply.text, seconds)
        except LanguageModelError as error:
            detail = shortened(redacted(error.detail))
            raise LanguageModelError(error.kind, detail, status=error.status) from None
        return replace(answer, text=redacted(answer.text, shortest=_SHORTEST_SECRET))

    def _has_simpler_dialect(
        self, used: Dialect, request: ChatRequest, reply: httpx.Response
    ) -> bool:
        if reply.status_code not in _REFUSAL_STATUSES:
            return False
        if self._dialect != used:  # another request has learned something meanwhile
            return True
        simpler = used.after_refusal(error_detail(reply.text), request)
        if simpler is None:
            return False
        _log.info("%s does not take all of a request; going on with %s", self.url, simpler)
        self._dialect = simpler
        return True

    async def check(self) -> str:
        """Ask the server for its models, and take the only one if none was named.

        Returns:
            The model's name.

        Raises:
            InputError: Nothing answers, the key is refused, or the model cannot be told.
        """
        address = self._transport.address
        try:
            reply = await self._transport.send("GET", address.models, timeout=_CHECK_SECONDS)
        except LanguageModelError as error:
            raise InputError(
                f"no language model server answers at {self.url} ({error.detail})",
                remedy="start it, or correct the address",
            ) from error
        if reply.status_code in _KEY_STATUSES:
            raise InputError(
                f"the language model server at {self.url} refuses the key"
                f" (HTTP {reply.status_code})",
                remedy=f"set {' or '.join(KEY_VARIABLES)} to a valid key",
            )
        if reply.status_code in _NO_LIST_STATUSES:
            return self.name
        names = _model_names(reply)
        if reply.status_code != httpx.codes.OK or names is None:
            failure = self._transport.failure(reply)
            raise InputError(
                f"what answers at {self.url} is no language model server that is ready"
                f" (HTTP {reply.status_code}: {failure.detail})",
                remedy="correct the address, or wait until the server is ready",
            )
        self._take_model(names)
        return self.name

    def _take_model(self, names: list[str]) -> None:
        if self._name is not None:
            if names and self._name not in names:
                _log.warning("the server at %s does not list '%s'", self.url, self._name)
            return
        if len(names) != 1:
            shown = ", ".join(names[:_MOST_NAMES_SHOWN]) or "none"
            more = len(names) - _MOST_NAMES_SHOWN
            raise InputError(
                f"the language model server at {self.url} has {len(names)} models: {shown}"
                + (f" and {more} more" if more > 0 else ""),
                remedy="choose one with --llm-model NAME",
            )
        self._name = names[0]


def _model_names(reply: httpx.Response) -> list[str] | None:
    try:
        return [str(model["id"]) for model in reply.json()["data"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def check_server(model: OpenAICompatibleModel) -> str:
    """Ask a server for its models before the work begins; see `OpenAICompatibleModel.check`.

    Returns:
        The model's name, now also `model.name`.

    Raises:
        InputError: Nothing answers, the key is refused, or the model cannot be told.
    """

    async def check() -> str:
        try:
            return await model.check()
        finally:
            await model.close()

    return run_to_end(check)
