"""Reading one HTTP/1.1 reply from the bytes of a connection, as they come."""

from __future__ import annotations

import re
import zlib
from collections.abc import Generator
from http import HTTPStatus

from syneg.llm.replies import Reply

_MOST_HEAD_BYTES = 1 << 16
_MOST_BODY_BYTES = 1 << 28
_MOST_CHUNK_LINE_BYTES = 1 << 12
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-9]\d\d)(?: (.*))?")
_HEADER = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*")
_CHUNK_SIZE = re.compile(r"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
# Reads gzip and zlib alike.
_ANY_WINDOW = 32 + zlib.MAX_WBITS


class BrokenReplyError(Exception):
    """The connection ended within a reply, or what came is no HTTP/1.1."""


class UnreadableBodyError(Exception):
    """The whole reply came, and its body cannot be decompressed."""


class ReplyReader:
    r"""Reads one reply; it is fed bytes until it has the whole.

    Example:
        >>> reader = ReplyReader()
        >>> reader.feed(b"HTTP/1.1 200 OK\r\nContent-Le") is None
        True
        >>> reader.feed(b"ngth: 2\r\n\r\n{}").body
        b'{}'
        >>> reader.may_go_on
        True
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._has_ended = False
        self._keeps_connection = False
        self._steps = self._read()
        next(self._steps)

    @property
    def may_go_on(self) -> bool:
        """Whether the connection can carry another exchange after the whole reply.

        Bytes behind the reply belong to nothing that was asked: whoever went on would take
        them for the answer to the next request.
        """
        return self._keeps_connection and not self._buffer

    def feed(self, data: bytes) -> Reply | None:
        """Take the next bytes.

        Returns:
            The whole reply, or None while more is to come.

        Raises:
            BrokenReplyError: It is no HTTP/1.1.
            UnreadableBodyError: The body cannot be decompressed.
        """
        self._buffer += data
        return self._step()

    def end(self) -> Reply:
        """Take notice that the server closed the connection.

        Returns:
            The reply, where its end is that of the connection.

        Raises:
            BrokenReplyError: The reply is not whole.
            UnreadableBodyError: The body cannot be decompressed.
        """
        self._has_ended = True
        reply = self._step()
        if reply is None:
            raise BrokenReplyError("the connection was closed within the reply")
        return reply

    def _step(self) -> Reply | None:
        try:
            next(self._steps)
        except StopIteration as done:
            reply: Reply = done.value
            return reply
        return None

    def _read(self) -> Generator[None, None, Reply]:
        yield  # to the first bytes
        status, reason, is_new, headers = int(HTTPStatus.CONTINUE), "", True, dict[str, str]()
        while status < HTTPStatus.OK:  # replies before the reply
            head = yield from self._until(b"\r\n\r\n", _MOST_HEAD_BYTES)
            status, reason, is_new, headers = _read_head(head.decode("latin-1"))
        wish = headers.get("connection", "").lower()
        self._keeps_connection = "close" not in wish and (is_new or "keep-alive" in wish)
        body = yield from self._body(status, headers)
        return Reply(status, reason, headers, _decompressed(body, headers))

    def _body(self, status: int, headers: dict[str, str]) -> Generator[None, None, bytes]:
        if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            return b""
        if coding := headers.get("transfer-encoding", "").lower():
            if coding != "chunked":
                raise BrokenReplyError(f"a transfer coding is not known: {coding[:40]!r}")
            return (yield from self._chunks())
        length = headers.get("content-length")
        if length is not None:
            if not re.fullmatch(r"[0-9]{1,15}", length):
                raise BrokenReplyError(f"the length is no number: {length[:40]!r}")
            return (yield from self._exactly(int(length)))
        self._keeps_connection = False
        while not self._has_ended:
            _check_size(len(self._buffer))
            yield
        body = bytes(self._buffer)
        self._buffer.clear()
        return body

    def _chunks(self) -> Generator[None, None, bytes]:
        body = bytearray()
        while True:
            line = (yield from self._until(b"\r\n", _MOST_CHUNK_LINE_BYTES)).decode("latin-1")
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise BrokenReplyError("the size of a chunk is no number")
            if not int(size[1], 16):
                break
            _check_size(len(body) + int(size[1], 16))
            body += yield from self._exactly(int(size[1], 16))
            if (yield from self._exactly(2)) != b"\r\n":
                raise BrokenReplyError("a chunk is longer than it says")
        while (yield from self._until(b"\r\n", _MOST_HEAD_BYTES)):
            pass  # headers behind the body
        return bytes(body)

    def _until(self, mark: bytes, most: int) -> Generator[None, None, bytes]:
        start = 0
        while (at := self._buffer.find(mark, start)) < 0:
            if len(self._buffer) > most:
                raise BrokenReplyError("what came is no HTTP/1.1, or has too long a head")
            start = max(0, len(self._buffer) - len(mark) + 1)
            yield from self._more()
        piece = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return piece

    def _exactly(self, count: int) -> Generator[None, None, bytes]:
        _check_size(count)
        while len(self._buffer) < count:
            yield from self._more()
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return piece

    def _more(self) -> Generator[None, None, None]:
        if self._has_ended:
            raise BrokenReplyError("the connection was closed before the whole reply had come")
        yield


def _read_head(head: str) -> tuple[int, str, bool, dict[str, str]]:
    first, *lines = head.split("\r\n")
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise BrokenReplyError(f"what came is no HTTP/1.1: {first[:40]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise BrokenReplyError(f"a header cannot be read: {line[:40]!r}")
        name, value = header[1].lower(), header[2]
        if name == "content-length" and headers.get(name, value) != value:
            raise BrokenReplyError("there are two lengths")
        is_again = name in headers and name != "content-length"
        headers[name] = f"{headers[name]}, {value}" if is_again else value
    return int(status[2]), status[3] or "", status[1] == "1", headers


def _decompressed(body: bytes, headers: dict[str, str]) -> bytes:
    coding = headers.get("content-encoding", "identity").lower()
    if coding == "identity" or not body:
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise UnreadableBodyError(f"the body is compressed by {coding[:40]!r}, which was not asked")
    decompressor = zlib.decompressobj(_ANY_WINDOW)
    try:
        plain = decompressor.decompress(body, _MOST_BODY_BYTES)
    except zlib.error as error:
        raise UnreadableBodyError(f"the body cannot be decompressed: {error}") from error
    if not decompressor.eof:
        raise UnreadableBodyError("the compressed body is not whole, or far too large")
    return plain


def _check_size(count: int) -> None:
    if count > _MOST_BODY_BYTES:
        raise BrokenReplyError("the reply is far too large")
