from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from fake_server import FakeServer, Reply
from syneg.errors import InputError
from syneg.llm.client import OpenAICompatibleModel, check_server

KEY = "sk-very-secret-0123456789"


def test_check_takes_the_only_model(server: FakeServer) -> None:
    model = OpenAICompatibleModel(server.url, api_key=KEY)
    with pytest.raises(InputError, match="--llm-model"):
        _ = model.name
    assert check_server(model) == model.name == "fake"
    assert server.seen[0].path == "/v1/models"
    assert server.seen[0].headers["Authorization"] == f"Bearer {KEY}"


def test_check_with_several_models(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    server.models = ["a", "b"]
    with pytest.raises(InputError, match=r"2 models: a, b; choose one with --llm-model NAME"):
        check_server(OpenAICompatibleModel(server.url))
    assert check_server(OpenAICompatibleModel(server.url, "b")) == "b"
    assert not caplog.records
    assert check_server(OpenAICompatibleModel(server.url, "c")) == "c"
    assert "does not list 'c'" in caplog.text


@pytest.mark.parametrize(
    ("models", "problem"),
    [
        (Reply(status=401), "refuses the key"),
        (Reply(status=403), "SYNEG_LLM_API_KEY or OPENAI_API_KEY"),
        (Reply(status=503, body={"error": {"message": "Loading model"}}), "Loading model"),
        (Reply(body=b"<html>"), "no language model server"),
        (Reply(body={"data": 3}), "no language model server"),
        (Reply(ending="reset"), "no language model server answers at"),
    ],
)
def test_check_tells_what_is_wrong(server: FakeServer, models: Reply, problem: str) -> None:
    server.models = models
    with pytest.raises(InputError, match=problem):
        check_server(OpenAICompatibleModel(server.url, "fake", api_key=KEY, timeout=0.3))


@pytest.mark.parametrize("status", [404, 405])
def test_check_without_a_list_of_models(server: FakeServer, status: int) -> None:
    server.models = Reply(status=status)
    assert check_server(OpenAICompatibleModel(server.url, "fake")) == "fake"
    with pytest.raises(InputError, match="--llm-model"):
        check_server(OpenAICompatibleModel(server.url))


def test_check_waits_for_a_server_that_is_loading(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.models = Reply(status=503, body={"error": {"message": "Loading model"}})
    model = OpenAICompatibleModel(server.url, timeout=10)
    threading.Timer(0.3, lambda: setattr(server, "models", ["ready"])).start()
    assert check_server(model) == "ready"
    assert "is loading its model" in caplog.text


def test_check_where_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(InputError, match="no language model server answers at"):
        check_server(OpenAICompatibleModel(f"http://127.0.0.1:{port}", "fake"))


def test_check_works_inside_a_running_loop(server: FakeServer) -> None:
    async def notebook() -> str:
        return check_server(OpenAICompatibleModel(server.url))

    assert asyncio.run(notebook()) == "fake"
