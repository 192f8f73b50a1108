"""Sending requests to one server, with the key in one header and nowhere else."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx

from syneg.errors import InputError
from syneg.llm.address import ServerAddress, checked_key, is_this_machine
from syneg.llm.protocol import FailureKind, LanguageModelError
from syneg.llm.replies import error_detail, failure_kind, retry_after_seconds, shortened

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0


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
        self._client: httpx.AsyncClient | None = None
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
    ) -> httpx.Response:
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
        headers = {"Content-Type": "application/json"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        # Half a character (a lone surrogate) cannot be sent: a question mark goes instead.
        content = None if body is None else _json(body).encode("utf-8", "replace")
        try:
            # The library's limit is for each read; a server that drips would never reach it.
            async with asyncio.timeout(seconds):
                return await self._connected().request(
                    method, url, content=content, headers=headers, params=self.address.parameters
                )
        except (httpx.ConnectTimeout, httpx.ConnectError) as error:
            raise self._broken(FailureKind.UNREACHABLE, error) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            detail = f"no answer within {seconds:g} seconds"
            raise LanguageModelError(FailureKind.TIMEOUT, detail) from error
        except httpx.DecodingError as error:
            raise self._broken(FailureKind.BAD_ANSWER, error) from error
        except httpx.RequestError as error:
            # The connection was reset, or closed before the whole reply had come.
            raise self._broken(FailureKind.UNREACHABLE, error) from error

    def failure(self, reply: httpx.Response) -> LanguageModelError:
        """Return the error that a reply with another status than 200 stands for."""
        whole = self.redacted(error_detail(reply.text))
        return LanguageModelError(
            failure_kind(reply.status_code, whole),
            shortened(whole) or reply.reason_phrase or "no reason given",
            status=reply.status_code,
            retry_after=retry_after_seconds(reply.headers.get("Retry-After")),
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
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    def _connected(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            # Connections belong to the event loop in which they were opened.
            self._loop = loop
            self._client = self._new_client()
        return self._client

    def _new_client(self) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                timeout=httpx.Timeout(self.timeout, connect=_CONNECT_SECONDS, pool=None),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
                # A proxy is the way to other machines, never to this one.
                trust_env=not self._is_local,
            )
        except (ValueError, ImportError) as error:
            # Proxies are read here; their addresses may hold passwords, so none is shown.
            raise InputError(
                "the proxy that the environment names cannot be used",
                remedy="correct or unset HTTP_PROXY, HTTPS_PROXY and ALL_PROXY",
            ) from error

    def _broken(self, kind: FailureKind, error: Exception) -> LanguageModelError:
        text = " ".join(str(error).split()) or type(error).__name__
        return LanguageModelError(kind, shortened(self.redacted(text)))


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
