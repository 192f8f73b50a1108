from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from fake_server import FakeServer, Reply, completion
from syneg.errors import InputError
from syneg.llm.client import OpenAICompatibleModel, check_server
from syneg.llm.endpoints import Endpoints, language_model
from syneg.llm.pace import Pace
from syneg.llm.protocol import (
    ChatAnswer,
    ChatRequest,
    FailureKind,
    HoldsConnections,
    LanguageModel,
    LanguageModelError,
)

KEY = "sk-very-secret-0123456789"


@pytest.fixture
def other() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def requests(count: int) -> list[ChatRequest]:
    return [ChatRequest(system="", user=f"request {number}") for number in range(count)]


def ask_all(
    model: LanguageModel, asked: list[ChatRequest], workers: int = 8
) -> list[ChatAnswer | LanguageModelError]:
    results: dict[str, ChatAnswer | LanguageModelError] = {}

    async def run() -> None:
        line = iter(asked)

        async def work() -> None:
            for request in line:
                try:
                    results[request.user] = await model.answer(request)
                except LanguageModelError as error:
                    results[request.user] = error

        await asyncio.gather(*(work() for _ in range(workers)))
        assert isinstance(model, HoldsConnections)
        await model.close()

    asyncio.run(run())
    return [results[request.user] for request in asked]


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_one_address_needs_no_list() -> None:
    assert isinstance(language_model("http://127.0.0.1:1", "fake"), OpenAICompatibleModel)
    assert isinstance(language_model(["http://127.0.0.1:1"], "fake"), OpenAICompatibleModel)


def test_the_slots_of_all_are_used(server: FakeServer, other: FakeServer) -> None:
    for one in (server, other):
        one.rule = lambda seen: Reply(body=completion("x"), delay=0.05)
    model = language_model([server.url, other.url], "fake", concurrency=3)
    results = ask_all(model, requests(40), workers=12)
    assert all(isinstance(result, ChatAnswer) for result in results)
    assert len(server.chats) + len(other.chats) == 40
    assert server.most_at_once == other.most_at_once == 3
    assert min(len(server.chats), len(other.chats)) >= 5


def test_one_that_is_not_there_is_set_aside(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    model = language_model([nobody(), server.url], "fake", concurrency=4)
    results = ask_all(model, requests(40))
    assert all(isinstance(result, ChatAnswer) for result in results)
    assert len(server.chats) == 40
    assert "cannot be reached" in caplog.text


def test_one_that_gives_only_errors_is_set_aside(
    server: FakeServer, other: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    # It fails at once, so that it always has the most free slots.
    server.rule = lambda seen: Reply(status=500, body={"error": "the engine died"})
    other.rule = lambda seen: Reply(body=completion("x"), delay=0.05)
    model = language_model([server.url, other.url], "fake", concurrency=4)
    results = ask_all(model, requests(60))
    failed = [result for result in results if isinstance(result, LanguageModelError)]
    assert 3 <= len(failed) == len(server.chats) <= 8
    assert "gives only errors (the engine died)" in caplog.text


def test_an_error_now_and_then_sets_nothing_aside(server: FakeServer, other: FakeServer) -> None:
    for one in (server, other):
        one.faults.extend([Reply(status=500), Reply(status=500)])
        one.rule = lambda seen: Reply(body=completion("x"), delay=0.02)
    model = language_model([server.url, other.url], "fake", concurrency=2)
    ask_all(model, requests(40), workers=4)
    assert min(len(server.chats), len(other.chats)) >= 10


def test_one_that_comes_back_is_asked_again(server: FakeServer, other: FakeServer) -> None:
    other.stop()
    models = [OpenAICompatibleModel(one.url, "fake", pace=Pace(2)) for one in (server, other)]
    model = Endpoints(models)
    ask_all(model, requests(8))
    assert not other.chats
    other.start()

    async def until_it_is_asked() -> None:
        for request in requests(200):
            await asyncio.gather(model.answer(request), model.answer(request))
            if other.chats:
                break
            await asyncio.sleep(0.05)
        await model.close()

    asyncio.run(until_it_is_asked())
    assert other.chats


def test_only_when_all_are_gone_is_that_the_failure(server: FakeServer) -> None:
    server.stop()
    model = language_model([nobody(), server.url], "fake")
    results = ask_all(model, requests(3))
    assert {getattr(result, "kind", None) for result in results} == {FailureKind.UNREACHABLE}
    server.start()  # which is noticed at once: there is no other to be asked
    assert all(isinstance(result, ChatAnswer) for result in ask_all(model, requests(3), 1))


def test_other_failures_are_those_of_the_request(server: FakeServer, other: FakeServer) -> None:
    for one in (server, other):
        one.rule = lambda seen: Reply(status=400, body={"error": "bad"})
    model = language_model([server.url, other.url], "fake")
    (result,) = ask_all(model, requests(1))
    assert getattr(result, "kind", None) is FailureKind.BAD_REQUEST
    assert len(server.chats) + len(other.chats) == 1


def test_one_that_asks_to_wait_is_spared(server: FakeServer, other: FakeServer) -> None:
    server.rule = lambda seen: Reply(status=429, headers={"Retry-After": "30"})
    model = language_model([server.url, other.url], "fake", concurrency=4)
    results = ask_all(model, requests(30), workers=2)
    refused = [result for result in results if isinstance(result, LanguageModelError)]
    assert len(refused) == len(server.chats) <= 2
    assert len(other.chats) == 30 - len(refused)


def test_check_takes_the_model_that_all_serve(server: FakeServer, other: FakeServer) -> None:
    model = language_model([server.url, other.url], api_key=KEY)
    with pytest.raises(InputError, match="--llm-model"):
        _ = model.name
    assert check_server(model) == model.name == "fake"
    other.models = ["another"]
    with pytest.raises(InputError, match=r"different models: 'fake' at .*, 'another' at"):
        check_server(language_model([server.url, other.url]))


def test_check_goes_on_without_one_that_is_not_there(
    server: FakeServer, other: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    other.stop()
    model = language_model([server.url, other.url])
    assert check_server(model) == "fake"
    assert "going on without it" in caplog.text
    other.start()
    server.stop()  # Now the one that was not asked for its name must answer to it.
    (result,) = ask_all(model, requests(1))
    assert isinstance(result, ChatAnswer)
    assert other.chats[0].body["model"] == "fake"
    other.stop()
    with pytest.raises(InputError, match="no language model server answers at"):
        check_server(language_model([server.url, other.url]))


def test_check_tells_of_a_refused_key(server: FakeServer, other: FakeServer) -> None:
    other.models = Reply(status=401)
    with pytest.raises(InputError, match="refuses the key"):
        check_server(language_model([server.url, other.url], "fake", api_key=KEY))


def test_lists_that_make_no_sense() -> None:
    with pytest.raises(InputError, match="no language model server was given"):
        language_model([])
    with pytest.raises(InputError, match="given twice"):
        language_model(["http://127.0.0.1:1", "http://127.0.0.1:1/v1"])
    with pytest.raises(InputError, match="different models"):
        Endpoints([OpenAICompatibleModel(f"http://127.0.0.1:{n}", str(n)) for n in (1, 2)])


def test_the_key_is_in_no_repr() -> None:
    model = language_model(["http://127.0.0.1:1", "http://127.0.0.1:2"], "fake", api_key=KEY)
    assert KEY not in repr(model)
    assert "127.0.0.1:2" in repr(model)
