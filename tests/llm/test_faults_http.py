"""HTTP as servers really write it: whole, in pieces, and wrong."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_server import FakeServer, Reply
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.direct_connections import DirectConnections
from syneg.llm.http1 import BrokenReplyError, ReplyReader, UnreadableBodyError
from syneg.llm.protocol import ChatRequest, FailureKind, LanguageModelError

BODY = b'{"a": "\xc3\xa9"}'


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def chunked(body: bytes, size: int, trailer: bytes = b"") -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head("Transfer-Encoding: chunked") + chunks + b"0\r\n" + trailer + b"\r\n"


WHOLE = [
    head(f"Content-Length: {len(BODY)}") + BODY,
    head(status="100 Continue") + head(f"content-length:{len(BODY)}") + BODY,
    chunked(BODY, 3),
    chunked(BODY, 100, b"X-Behind: 1\r\n"),
    head("Content-Encoding: gzip", f"Content-Length: {len(gzip.compress(BODY))}")
    + gzip.compress(BODY),
    head("Content-Encoding: deflate", f"Content-Length: {len(zlib.compress(BODY))}")
    + zlib.compress(BODY),
]


@given(st.sampled_from(WHOLE), st.lists(st.integers(min_value=1, max_value=300), max_size=40))
def test_replies_are_read_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    reader = ReplyReader()
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    start = 0
    for end in ends:
        reply = reader.feed(data[start:end])
        assert (reply is not None) == (end == len(data))
        start = end
    assert reply is not None
    assert (reply.status, reply.body, reply.text) == (200, BODY, '{"a": "é"}')
    assert reader.may_go_on


@given(st.sampled_from(WHOLE), st.data())
def test_half_a_reply_is_none(data: bytes, draw: st.DataObject) -> None:
    length = draw.draw(st.integers(min_value=0, max_value=len(data) - 1))
    reader = ReplyReader()
    assert reader.feed(data[:length]) is None
    with pytest.raises(BrokenReplyError):
        reader.end()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", head("Transfer-Encoding: chunked"), head("Content-Length: 3")):
        try:
            reader = ReplyReader()
            if reader.feed(start + data) is None:
                reader.end()
        except BrokenReplyError:
            pass


def test_a_reply_may_end_with_its_connection() -> None:
    reader = ReplyReader()
    assert reader.feed(head() + BODY) is None
    assert reader.end().body == BODY
    assert not reader.may_go_on


@pytest.mark.parametrize(
    ("data", "may_go_on"),
    [
        (head("Content-Length: 0"), True),
        (head("Content-Length: 0", "Content-Length: 0"), True),
        (head("Content-Length: 0", "Connection: close"), False),
        (head("Content-Length: 0") + b"HTTP/1.1", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", True),
        (head(status="204 No Content"), True),
    ],
)
def test_when_a_connection_carries_another_exchange(data: bytes, may_go_on: bool) -> None:
    reader = ReplyReader()
    assert reader.feed(data) is not None
    assert reader.may_go_on is may_go_on


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"x" * 200_000,
        head("Content-Length: -1"),
        head("Content-Length: 1_0"),
        head("Content-Length: 99999999999"),
        head("Content-Length: 1", "Content-Length: 2"),
        head("Transfer-Encoding: gzip, chunked"),
        head("Transfer-Encoding: chunked") + b"-1\r\n",
        head("Transfer-Encoding: chunked") + b"fffffffff\r\n",
        head("Transfer-Encoding: chunked") + b"1\r\nabc",
        head("No colon"),
        head(" folded: x"),
    ],
)
def test_what_is_no_http_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenReplyError):
        ReplyReader().feed(data)


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_a_body_that_cannot_be_decompressed(coding: str) -> None:
    with pytest.raises(UnreadableBodyError):
        ReplyReader().feed(head(f"Content-Encoding: {coding}", "Content-Length: 2") + b"{}")


def test_connections_are_used_again_and_many_are_opened(server: FakeServer) -> None:
    ports: set[int] = set()

    async def run() -> None:
        connections = DirectConnections(server.url, {}, ())
        url = f"{server.url}/v1/models"
        for _ in range(5):
            assert (await connections.send("GET", url, None)).status == 200
        ports.add(len(connections._idle))
        server.models = Reply(body={"data": []}, delay=0.1)
        await asyncio.gather(*(connections.send("GET", url, None) for _ in range(300)))
        await connections.close()

    asyncio.run(run())
    assert ports == {1}
    assert len(server.seen) == 305


def serve(answer: Callable[[asyncio.StreamWriter], object], context: ssl.SSLContext | None) -> str:
    """Ask a server that writes whatever `answer` does, and return what came of it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        answer(writer)
        await writer.drain()

    async def run() -> str:
        listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        port = listening.sockets[0].getsockname()[1]
        scheme = "http" if context is None else "https"
        model = OpenAICompatibleModel(f"{scheme}://localhost:{port}", "fake", timeout=5)
        try:
            return (await model.answer(ChatRequest(system="", user="u"))).text
        except LanguageModelError as error:
            return f"{error.kind}: {error.detail}"
        finally:
            await model.close()
            listening.close()

    return asyncio.run(run())


def test_bytes_that_are_no_http() -> None:
    said = serve(lambda writer: writer.write(b"220 mail.example.org ESMTP\r\n\r\n"), None)
    assert said.startswith(FailureKind.UNREACHABLE)
    assert "no HTTP" in said


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
def test_https_with_a_certificate_that_is_trusted_and_one_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    extra = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run(["openssl", *command.split(), *extra], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    body = b'{"choices": [{"message": {"content": "safe"}}]}'

    def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head(f"Content-Length: {len(body)}") + body)

    assert "certificate verify failed" in serve(answer, context)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert serve(answer, context) == "safe"
