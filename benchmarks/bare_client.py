"""The least that can ask a server: raw sockets, no retries, no time limits, nothing checked."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.parse

from syneg.llm.protocol import ChatAnswer, ChatRequest

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class BareModel:
    """A `LanguageModel` over raw sockets: what a client can cost at least.

    Args:
        url: The server, `http://host:port`.
        name: The model's name.
    """

    def __init__(self, url: str, name: str) -> None:
        address = urllib.parse.urlsplit(url)
        self._host, self._port = address.hostname, address.port
        self._free: list[_Streams] = []
        self.name = name

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """Ask one request on a connection that nobody else uses."""
        started = time.monotonic()
        if self._free:
            reader, writer = self._free.pop()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        body = json.dumps(
            {
                "model": self.name,
                "messages": [
                    {"role": "system", "content": request.system},
                    {"role": "user", "content": request.user},
                ],
                "temperature": request.temperature,
                "max_tokens": request.max_tokens,
                "seed": request.seed,
            }
        ).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: loopback\r\nContent-Length: "
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        head_of_answer = await reader.readuntil(b"\r\n\r\n")
        length = int(head_of_answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answer = json.loads(await reader.readexactly(length))
        self._free.append((reader, writer))
        return ChatAnswer(
            text=answer["choices"][0]["message"]["content"],
            finish=answer["choices"][0]["finish_reason"],
            prompt_tokens=answer["usage"]["prompt_tokens"],
            completion_tokens=answer["usage"]["completion_tokens"],
            seconds=time.monotonic() - started,
        )

    async def close(self) -> None:
        """Close the connections."""
        for _, writer in self._free:
            writer.close()
        self._free.clear()
