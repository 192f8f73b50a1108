"""Asking a server which models it has, and taking the one that was meant."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from http import HTTPStatus
from typing import Protocol

from syneg.errors import InputError
from syneg.llm.address import KEY_VARIABLES
from syneg.llm.blocking import run_to_end
from syneg.llm.failures import error_detail, is_loading
from syneg.llm.protocol import LanguageModelError
from syneg.llm.replies import Reply
from syneg.llm.transport import Transport

_log = logging.getLogger(__name__)

_CHECK_SECONDS = 15.0
_LOADING_PAUSE_SECONDS = 1.0
_KEY_STATUSES = (401, 403)
_NO_LIST_STATUSES = (404, 405, 501)
_MOST_NAMES_SHOWN = 10


class CanBeChecked(Protocol):
    """A language model whose servers can be asked whether they are there."""

    async def check(self) -> str:
        """See whether the model can be asked, and return its name."""
        ...  # pragma: no cover

    async def close(self) -> None:
        """Close the connections; asking again opens new ones."""
        ...  # pragma: no cover


def check_server(model: CanBeChecked) -> str:
    """Ask a server for its models before the work begins; see its `check`.

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


async def listed_models(transport: Transport) -> list[str] | None:
    """Return the models that a server lists.

    A server that is still loading its model is waited for, for as long as a request may take.

    Returns:
        Their names, or None where the server has no such list.

    Raises:
        InputError: Nothing answers, or the key is refused.
    """
    url = transport.address.base
    try:
        reply = await _reply(transport)
    except LanguageModelError as error:
        raise InputError(
            f"no language model server answers at {url} ({error.detail})",
            remedy="start it, or correct the address",
        ) from error
    if reply.status in _KEY_STATUSES:
        raise InputError(
            f"the language model server at {url} refuses the key (HTTP {reply.status})",
            remedy=f"set {' or '.join(KEY_VARIABLES)} to a valid key",
        )
    if reply.status in _NO_LIST_STATUSES:
        return None
    names = _names(reply)
    if reply.status != HTTPStatus.OK or names is None:
        failure = transport.failure(reply)
        raise InputError(
            f"what answers at {url} is no language model server that is ready"
            f" (HTTP {reply.status}: {failure.detail})",
            remedy="correct the address, or wait until the server is ready",
        )
    return names


def taken_model(name: str | None, names: list[str], url: str) -> str:
    """Return the model to ask: the one named, or the only one.

    Args:
        name: The name given by the user; a server may serve it without listing it.
        names: The names that the server lists.
        url: The server, for messages.

    Raises:
        InputError: None was named, and the server lists several or none.

    Example:
        >>> taken_model(None, ["small"], "http://127.0.0.1:8080/v1")
        'small'
    """
    if name is not None:
        if names and name not in names:
            _log.warning("the server at %s does not list '%s'", url, name)
        return name
    if len(names) != 1:
        shown = ", ".join(names[:_MOST_NAMES_SHOWN]) or "none"
        more = len(names) - _MOST_NAMES_SHOWN
        raise InputError(
            f"the language model server at {url} has {len(names)} models: {shown}"
            + (f" and {more} more" if more > 0 else ""),
            remedy="choose one with --llm-model NAME",
        )
    return names[0]


async def _reply(transport: Transport) -> Reply:
    patience_ends = time.monotonic() + transport.timeout
    is_told = False
    while True:
        reply = await transport.send("GET", transport.address.models, timeout=_CHECK_SECONDS)
        remaining = patience_ends - time.monotonic()
        if remaining <= 0 or not is_loading(reply.status, error_detail(reply.text)):
            return reply
        if not is_told:
            _log.warning(
                "the server at %s is loading its model; waiting for it", transport.address.base
            )
            is_told = True
        await asyncio.sleep(min(_LOADING_PAUSE_SECONDS, remaining))


def _names(reply: Reply) -> list[str] | None:
    try:
        return [str(model["id"]) for model in json.loads(reply.text)["data"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
