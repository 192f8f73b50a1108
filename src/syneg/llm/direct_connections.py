"""Connections straight to a server, without a proxy, at little cost for each request."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from ssl import SSLContext
from typing import cast

import httpx

from syneg.llm.connections import CONNECT_SECONDS, IDLE_SECONDS, broken
from syneg.llm.http1 import BrokenReplyError, ReplyReader, UnreadableBodyError
from syneg.llm.protocol import FailureKind, LanguageModelError
from syneg.llm.replies import Reply

_PORTS = {"http": 80, "https": 443}
# The wait before a second address of a host is tried beside the first.
_SECOND_ADDRESS_SECONDS = 0.25


class DirectConnections:
    """Connections without a proxy; see `Connections`.

    General libraries for HTTP need from two to seventy times the processor time per request,
    growing with the connections, and take bytes left over from one reply for the next. What a
    chat API needs is little: one request and one whole reply at a time on each connection.

    Args:
        base: The server's address.
        headers: Headers of every request.
        parameters: The query string of every request.
    """

    def __init__(
        self, base: str, headers: Mapping[str, str], parameters: tuple[tuple[str, str], ...]
    ) -> None:
        url = httpx.URL(base)
        self._host = url.raw_host.decode("ascii").strip("[]")
        self._port = url.port or _PORTS[url.scheme]
        self._context: SSLContext | None = None
        if url.scheme == "https":
            self._context = httpx.create_ssl_context()
            self._context.set_alpn_protocols(["http/1.1"])
        lines = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", **headers}
        self._lines = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._parameters = parameters
        self._heads: dict[tuple[str, str], bytes] = {}
        self._idle: deque[_Connection] = deque()
        self._busy: set[_Connection] = set()

    async def send(self, method: str, url: str, content: bytes | None) -> Reply:
        """Send one request; see `Connections.send`."""
        body = content or b""
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        request = b"".join((self._head(method, url), length, body))
        try:
            connection = self._idle_connection() or await self._new_connection()
            self._busy.add(connection)
            try:
                reply = await connection.exchange(request)
            finally:
                self._busy.discard(connection)
        except UnreadableBodyError as error:
            raise broken(error, FailureKind.BAD_ANSWER) from error
        except (BrokenReplyError, OSError, UnicodeError) as error:
            # Never connected, reset, or closed before the whole reply had come.
            raise broken(error) from error
        if connection.is_usable:
            self._idle.append(connection)
        return reply

    async def close(self) -> None:
        """Close the connections."""
        connections = [*self._idle, *self._busy]
        self._idle.clear()
        for connection in connections:
            connection.break_off()
        await asyncio.sleep(0)  # lets the loop close the sockets

    def _head(self, method: str, url: str) -> bytes:
        head = self._heads.get((method, url))
        if head is None:
            parsed = httpx.URL(url, params=self._parameters) if self._parameters else httpx.URL(url)
            head = f"{method} {parsed.raw_path.decode('ascii')} HTTP/1.1\r\n{self._lines}".encode(
                "ascii"
            )
            self._heads[method, url] = head
        return head

    def _idle_connection(self) -> _Connection | None:
        oldest = time.monotonic() - IDLE_SECONDS
        while self._idle and not self._idle[0].is_fresh(oldest):
            self._idle.popleft().break_off()
        while self._idle:
            connection = self._idle.pop()  # the one used last is the least likely to be closed
            if connection.is_fresh(oldest):
                return connection
            connection.break_off()
        return None

    async def _new_connection(self) -> _Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection,
                    self._host,
                    self._port,
                    ssl=self._context,
                    happy_eyeballs_delay=_SECOND_ADDRESS_SECONDS,
                )
        except TimeoutError as error:
            raise LanguageModelError(
                FailureKind.UNREACHABLE, f"no connection within {CONNECT_SECONDS:g} seconds"
            ) from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection, which carries one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reader: ReplyReader | None = None
        self._reply: asyncio.Future[Reply] | None = None
        self._idle_since = time.monotonic()
        self.is_usable = True

    def is_fresh(self, oldest: float) -> bool:
        """Tell whether it can be used, and has been idle since `oldest` at most."""
        return self.is_usable and self._idle_since >= oldest

    async def exchange(self, request: bytes) -> Reply:
        """Send a request and return the whole reply.

        Raises:
            BrokenReplyError: The connection ended before, or what came is no HTTP.
            UnreadableBodyError: The body cannot be decompressed.
            OSError: The connection was reset.
        """
        if self._transport is None or not self.is_usable:
            raise BrokenReplyError("the server closed the connection")
        self._reader = ReplyReader()
        self._reply = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(request)
            return await self._reply
        except BaseException:
            # What is still to come would be taken for the answer to another request.
            self.break_off()
            raise
        finally:
            self._reader = self._reply = None
            self._idle_since = time.monotonic()

    def break_off(self) -> None:
        """Close the connection without waiting for anything."""
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader, reply = self._reader, self._reply
        if reader is None or reply is None or reply.done():
            self.break_off()  # Nothing was asked.
            return
        try:
            whole = reader.feed(data)
        except (BrokenReplyError, UnreadableBodyError) as error:
            self._fail(error)
            return
        if whole is not None:
            reply.set_result(whole)
            if not reader.may_go_on:
                self.break_off()

    def eof_received(self) -> None:
        reader, reply = self._reader, self._reply
        self.is_usable = False
        if reader is not None and reply is not None and not reply.done():
            try:
                reply.set_result(reader.end())
            except (BrokenReplyError, UnreadableBodyError) as error:
                self._fail(error)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or BrokenReplyError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        self.is_usable = False
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)
        if self._transport is not None:
            self._transport.abort()
