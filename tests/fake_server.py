"""A real HTTP server that speaks the OpenAI chat API and misbehaves on demand."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server does with one request.

    Attributes:
        status: The HTTP status.
        body: The body: JSON when it is not bytes.
        headers: Further headers.
        delay: Seconds before anything is sent.
        ending: "whole", "half" (the connection closes in the middle of the body), "reset" (the
            connection is reset before anything is sent), "stall" (nothing is ever sent), "drip"
            (blanks come one after another and the body never does), "twice" (the whole reply is
            sent two times over).
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    ending: str = "whole"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that the server saw."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


def completion(text: Any, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """Return the body of a chat completion."""
    return {
        "choices": [
            {
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }


def echo(seen: Seen) -> Reply:
    """Answer with a JSON object that holds the user's message."""
    user = seen.body["messages"][-1]["content"]
    return Reply(body=completion(json.dumps({"echo": user})))


class FakeServer:
    """The server; use it in a `with` block. `stop` and `start` restart it on the same port.

    Attributes:
        faults: Replies for the next chat requests, before `rule` is asked again.
        rule: Makes the reply to a chat request; `echo` unless set.
        models: Names that `GET /v1/models` lists, or a `Reply` to send instead.
        seen: All requests, in the order in which they came.
        most_at_once: How many chat requests were under way at the same time, at most.
    """

    def __init__(self) -> None:
        self.faults: deque[Reply] = deque()
        self.rule: Callable[[Seen], Reply] = echo
        self.models: list[str] | Reply = ["fake"]
        self.seen: list[Seen] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._port = 0
        self._open()

    def _open(self) -> None:
        self._closing.clear()
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def chats(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == "POST"]

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away: break all connections and listen no more."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.break_connections()
        self._thread.join()

    def start(self) -> None:
        """Come back on the same port after `stop`."""
        self._open()
        self._thread.start()

    def reply(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            if seen.method == "GET":
                if isinstance(self.models, Reply):
                    return self.models
                return Reply(body={"data": [{"id": name} for name in self.models]})
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            fault = self.faults.popleft() if self.faults else None
        reply = fault or self.rule(seen)
        if reply.ending == "stall":
            self._closing.wait()
        elif reply.delay:
            self._closing.wait(reply.delay)
        with self._lock:
            self._at_once -= 1
        return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def break_connections(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._reply(json.loads(self.rfile.read(length)))

        def _reply(self, body: Any) -> None:
            seen = Seen(method=self.command, path=self.path, headers=dict(self.headers), body=body)
            reply = fake.reply(seen)
            if reply.ending in ("reset", "stall"):
                self._reset()
                return
            content = reply.body
            if not isinstance(content, bytes):
                content = json.dumps(content).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            length = len(content) if reply.ending != "drip" else 1_000_000
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if reply.ending == "drip":
                self._drip()
                return
            if reply.ending == "half":
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                time.sleep(0.05)
                self.close_connection = True
                return
            if reply.ending == "twice":
                head = f"HTTP/1.1 {reply.status} Again\r\nContent-Length: {len(content)}\r\n\r\n"
                content += head.encode() + content  # in one piece, so that both arrive together
            self.wfile.write(content)

        def _drip(self) -> None:
            while not fake._closing.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()

        def _reset(self) -> None:
            # A linger of zero seconds makes closing send a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):
                return  # the client went away, or a reset closed the files

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                return

    return Handler
