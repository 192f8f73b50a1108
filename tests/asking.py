"""Asking the fake server many requests, the way the engine's tests do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fake_server import FakeServer
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.engine import EngineSummary, answer_all
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest
from syneg.llm.retries import Backoff

QUICK = Backoff(first_seconds=0.01, longest_seconds=0.02)


def requests(count: int) -> list[ChatRequest]:
    return [ChatRequest(system="s", user=f"request {number}") for number in range(count)]


def run(
    server: FakeServer, journal: Journal, asked: Iterable[ChatRequest], **options: Any
) -> EngineSummary:
    model = OpenAICompatibleModel(server.url, "fake", timeout=options.pop("timeout", 5))
    return answer_all(asked, model, journal, **{"backoff": QUICK, **options})
