"""Sending requests to one server, with the key in one header and nowhere else."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from syneg.llm.address import ServerAddress, checked_key, is_this_machine
from syneg.llm.connections import Connections
from syneg.llm.direct_connections import DirectConnections
from syneg.llm.failures import asked_wait, error_detail, failure_kind, shortened, with_remedy
from syneg.llm.httpx_connections import HttpxConnections
from syneg.llm.protocol import FailureKind, LanguageModelError
from syneg.llm.proxies import environment_proxy
from syneg.llm.replies import Reply

_log = logging.getLogger(__name__)

# Made once: `json.dumps` would make one for every request.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Transport:
    """The connections to one server.

    The key is blotted out of every error text. Redirects are not followed, so no other server
    is given it.

    Args:
        address: The server.
        api_key: The key, or None.
        timeout: Most seconds that one request may take, from above 0.

    Raises:
        InputError: The key has characters that cannot be sent.
    """

    def __init__(self, address: ServerAddress, api_key: str | None, timeout: float) -> None:
        self.address = address
        self.timeout = timeout
        self._api_key = checked_key(api_key)
        self._is_local = is_this_machine(address.base)
        self._connections: Connections | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        if self._api_key and not self._is_local and address.base.startswith("http://"):
            _log.warning("the API key will travel unencrypted to %s; use https://", address.base)

    async def send(
        self,
        method: str,
        url: str,
        body: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
    ) -> Reply:
        """Send one request and return the whole reply, whatever its status.

        Args:
            method: The HTTP method.
            url: Where to send it.
            body: What to send, as JSON.
            timeout: Most seconds it may take; None for the transport's own.

        Raises:
            LanguageModelError: There was no whole reply.
        """
        seconds = self.timeout if timeout is None else timeout
        # Half a character (a lone surrogate) cannot be sent: a question mark goes instead.
        content = None if body is None else _ENCODER.encode(body).encode("utf-8", "replace")
        try:
            # A library's limit is for each read; a server that drips would never reach it.
            async with asyncio.timeout(seconds):
                return await self._connected().send(method, url, content)
        except TimeoutError as error:
            detail = f"no answer within {seconds:g} seconds"
            raise LanguageModelError(FailureKind.TIMEOUT, detail) from error
        except LanguageModelError as error:
            detail = shortened(self.redacted(error.detail))
            raise LanguageModelError(error.kind, detail) from error.__cause__

    def failure(self, reply: Reply) -> LanguageModelError:
        """Return the error that a reply with another status than 200 stands for."""
        whole = self.redacted(error_detail(reply.text))
        return LanguageModelError(
            failure_kind(reply.status, whole),
            with_remedy(reply.status, whole) or reply.reason or "no reason given",
            status=reply.status,
            retry_after=asked_wait(reply.headers),
        )

    def redacted(self, text: str, *, shortest: int = 1) -> str:
        """Return a text with the key blotted out.

        Args:
            text: Any text.
            shortest: The fewest characters that a key must have to be blotted out.
        """
        if self._api_key is None or len(self._api_key) < shortest:
            return text
        return text.replace(self._api_key, "***")

    async def close(self) -> None:
        """Close the connections; sending again opens new ones."""
        connections, self._connections = self._connections, None
        if connections is not None and self._loop is asyncio.get_running_loop():
            await connections.close()

    def _connected(self) -> Connections:
        loop = asyncio.get_running_loop()
        if self._connections is None or self._loop is not loop:
            # Connections belong to the event loop in which they were opened.
            self._loop = loop
            self._connections = self._new_connections()
        return self._connections

    def _new_connections(self) -> Connections:
        base, parameters = self.address.base, self.address.parameters
        # A proxy is the way to other machines, never to this one.
        proxy = None if self._is_local else environment_proxy(base)
        if proxy is None:
            return DirectConnections(base, self._headers(), parameters)
        return HttpxConnections(self._headers(), parameters, proxy)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "syneg"}
        if self._api_key and self.address.is_azure:
            headers["api-key"] = self._api_key
        elif self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        return headers
