from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_server import FakeServer
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as opened:
        yield opened


@pytest.fixture
def request_one() -> ChatRequest:
    return ChatRequest(system="Be short.", user="one", schema={"type": "object"})
