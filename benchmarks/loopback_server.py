"""A language model server on this machine that does nothing but wait: the ground of benchmarks.

It speaks enough of the OpenAI chat API for any client: `POST …/chat/completions` answers every
request with the same short JSON after a latency, in one of so many slots; more requests wait for
a slot. `GET /statistics` tells how busy the slots were, `GET /v1/models` the model's name.

    python benchmarks/loopback_server.py --latency 2 --slots 256 --port 8000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from typing import Any

_TEXT = json.dumps({"title": "A title", "text": "A short passage that answers nothing. " * 4})


class Statistics:
    """How busy the slots were."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.requests = 0
        self.busy_seconds = 0.0
        self.first = 0.0
        self.last = 0.0
        self.most_at_once = 0

    def begin(self, at_once: int) -> float:
        """Note that a request has a slot, and return when."""
        now = time.perf_counter()
        self.first = self.first or now
        self.most_at_once = max(self.most_at_once, at_once)
        return now

    def end(self, begun: float) -> None:
        """Note that a request leaves its slot."""
        self.last = time.perf_counter()
        self.requests += 1
        self.busy_seconds += self.last - begun

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON takes them."""
        seconds = self.last - self.first
        share = self.busy_seconds / (self.slots * seconds) if seconds else 0.0
        return {
            "requests": self.requests,
            "seconds": seconds,
            "most_at_once": self.most_at_once,
            "busy_share": share,
        }


class Slots:
    """Lets so many requests be under way; the others wait in line."""

    def __init__(self, number: int, latency: float) -> None:
        self.statistics = Statistics(number)
        self._free = number
        self._number = number
        self._latency = latency
        self._line: deque[Connection] = deque()

    def take(self, connection: Connection) -> None:
        """Answer a connection's request when its time has come."""
        if self._latency == 0:
            begun = self.statistics.begin(1)
            connection.answer()
            self.statistics.end(begun)
        elif self._free:
            self._begin(connection)
        else:
            self._line.append(connection)

    def _begin(self, connection: Connection) -> None:
        self._free -= 1
        begun = self.statistics.begin(self._number - self._free)
        asyncio.get_running_loop().call_later(self._latency, self._end, connection, begun)

    def _end(self, connection: Connection, begun: float) -> None:
        self._free += 1
        self.statistics.end(begun)
        connection.answer()
        if self._line:
            self._begin(self._line.popleft())


class Connection(asyncio.Protocol):
    """One client's connection; requests on it come one after another."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take whole requests out of what has come so far."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            length = 0
            if b"content-length:" in head:
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self._received) < end + 4 + length:
                return
            del self._received[: end + 4 + length]
            if head.startswith(b"post "):
                self._slots.take(self)
            elif b"/statistics" in head.split(b"\r\n")[0]:
                self._send(self._slots.statistics.as_dict())
                self._slots.statistics = Statistics(self._slots.statistics.slots)
            else:
                self._send({"object": "list", "data": [{"id": "loopback", "object": "model"}]})

    def answer(self) -> None:
        """Send the answer, if the client is still there."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_ANSWER)

    def _send(self, value: Any) -> None:
        if self._transport is not None:
            self._transport.write(_reply(value))


def _reply(value: Any) -> bytes:
    body = json.dumps(value).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


_ANSWER = _reply(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "loopback",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": _TEXT},
            }
        ],
        "usage": {"prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 540},
    }
)


async def serve(port: int, slots: int, latency: float) -> None:
    """Serve until the process is ended; the first line of the output is the address."""
    shared = Slots(slots, latency)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(shared), "127.0.0.1", port, backlog=4096)
    host, port = server.sockets[0].getsockname()
    sys.stdout.write(f"http://{host}:{port}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--latency", type=float, default=2.0, help="seconds of each answer")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.slots, options.latency))


if __name__ == "__main__":
    main()
