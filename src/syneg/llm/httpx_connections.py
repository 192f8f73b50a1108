"""Connections through a proxy."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from syneg.llm.connections import CONNECT_SECONDS, IDLE_SECONDS, broken
from syneg.llm.protocol import FailureKind
from syneg.llm.proxies import unusable_proxy
from syneg.llm.replies import Reply


class HttpxConnections:
    """Connections by httpx, which knows the ways of proxies; see `Connections`.

    Args:
        headers: Headers of every request.
        parameters: The query string of every request.
        proxy: The proxy's address, with its user and password; None for none.

    Raises:
        InputError: The proxy cannot be used.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        parameters: tuple[tuple[str, str], ...],
        proxy: str | None,
    ) -> None:
        self._parameters = parameters
        try:
            self._client = httpx.AsyncClient(
                headers=headers,
                timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
                limits=httpx.Limits(
                    max_connections=None,
                    max_keepalive_connections=None,
                    keepalive_expiry=IDLE_SECONDS,
                ),
                proxy=proxy,
                trust_env=False,
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise unusable_proxy() from error

    async def send(self, method: str, url: str, content: bytes | None) -> Reply:
        """Send one request; see `Connections.send`."""
        try:
            reply = await self._client.request(
                method, url, content=content, params=self._parameters
            )
        except (httpx.ConnectTimeout, httpx.ConnectError) as error:
            raise broken(error) from error
        except httpx.TimeoutException as error:
            raise broken(error, FailureKind.TIMEOUT) from error
        except httpx.DecodingError as error:
            raise broken(error, FailureKind.BAD_ANSWER) from error
        except httpx.RequestError as error:
            # The connection was reset, or closed before the whole reply had come.
            raise broken(error) from error
        return Reply(reply.status_code, reply.reason_phrase, reply.headers, reply.content)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
