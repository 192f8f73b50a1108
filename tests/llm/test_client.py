from __future__ import annotations

import asyncio
import socket
import time
from email.utils import formatdate

import pytest

from fake_server import FakeServer, Reply, completion
from syneg.errors import InputError
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.protocol import (
    ChatAnswer,
    ChatRequest,
    FailureKind,
    LanguageModel,
    LanguageModelError,
)

KEY = "sk-very-secret-0123456789"


def ask(model: OpenAICompatibleModel, request: ChatRequest) -> ChatAnswer:
    async def run() -> ChatAnswer:
        try:
            return await model.answer(request)
        finally:
            await model.close()

    return asyncio.run(run())


def failure(server: FakeServer, request: ChatRequest, reply: Reply) -> LanguageModelError:
    server.rule = lambda seen: reply
    model = OpenAICompatibleModel(server.url, "fake", api_key=KEY, timeout=0.5)
    with pytest.raises(LanguageModelError) as caught:
        ask(model, request)
    return caught.value


def test_the_request_carries_everything(server: FakeServer, request_one: ChatRequest) -> None:
    model = OpenAICompatibleModel(server.url, "fake", api_key=KEY)
    answer = ask(model, request_one)
    assert isinstance(model, LanguageModel)
    assert answer.text == '{"echo": "one"}'
    assert (answer.finish, answer.prompt_tokens, answer.completion_tokens) == ("stop", 10, 5)
    assert answer.seconds > 0
    (seen,) = server.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert seen.body == {
        "model": "fake",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "one"},
        ],
        "temperature": 0.8,
        "max_tokens": 512,
        "seed": 0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
        },
    }


def test_free_text_and_no_key(server: FakeServer) -> None:
    ask(OpenAICompatibleModel(server.url, "fake"), ChatRequest(system="", user="é\ud83d"))
    (seen,) = server.seen
    assert "response_format" not in seen.body
    assert "Authorization" not in seen.headers
    assert seen.body["messages"] == [{"role": "user", "content": "é?"}]


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_every_way_to_write_the_address(
    server: FakeServer, request_one: ChatRequest, ending: str
) -> None:
    ask(OpenAICompatibleModel(server.url + ending, "fake"), request_one)
    assert server.seen[0].path == "/v1/chat/completions"


def test_an_api_version_in_the_address_is_kept(
    server: FakeServer, request_one: ChatRequest
) -> None:
    ask(OpenAICompatibleModel(f"{server.url}/v1?api-version=2", "fake"), request_one)
    assert server.seen[0].path == "/v1/chat/completions?api-version=2"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(status=429), FailureKind.RATE_LIMIT),
        (Reply(status=500, body=b"oh"), FailureKind.SERVER),
        (Reply(status=503), FailureKind.SERVER),
        (Reply(status=408), FailureKind.TIMEOUT),
        (Reply(status=401), FailureKind.REFUSED_KEY),
        (Reply(status=402), FailureKind.REFUSED_KEY),
        (Reply(status=403), FailureKind.REFUSED_KEY),
        (
            Reply(status=429, body={"error": {"message": "x", "code": "insufficient_quota"}}),
            FailureKind.REFUSED_KEY,
        ),
        (Reply(status=404), FailureKind.BAD_REQUEST),
        (Reply(status=400, body={"error": {"message": "too long"}}), FailureKind.BAD_REQUEST),
        (Reply(status=302, headers={"Location": "http://127.0.0.2:1/"}), FailureKind.BAD_REQUEST),
        (Reply(ending="stall"), FailureKind.TIMEOUT),
        (Reply(ending="reset"), FailureKind.UNREACHABLE),
        (Reply(ending="half", body=completion("x" * 5000)), FailureKind.UNREACHABLE),
        (Reply(body=b"<html>"), FailureKind.BAD_ANSWER),
        (Reply(body=b"[" * 100_000), FailureKind.BAD_ANSWER),
        (Reply(body=[1]), FailureKind.BAD_ANSWER),
        (Reply(body={"choices": []}), FailureKind.BAD_ANSWER),
        (Reply(body={"choices": [{"finish_reason": "stop"}]}), FailureKind.BAD_ANSWER),
        (Reply(body=completion("")), FailureKind.BAD_ANSWER),
        (Reply(body=completion(None, "content_filter")), FailureKind.REFUSAL),
        (Reply(body=completion("half of", "content_filter")), FailureKind.REFUSAL),
        (Reply(body=completion("", "SAFETY")), FailureKind.REFUSAL),
        (Reply(body=completion(None, refusal="I will not")), FailureKind.REFUSAL),
        (Reply(body=completion("I'm sorry, but I can't help with that.")), FailureKind.REFUSAL),
        (
            Reply(status=400, body={"error": {"message": "x", "code": "content_filter"}}),
            FailureKind.REFUSAL,
        ),
        (Reply(status=413), FailureKind.BAD_REQUEST),
        (Reply(body={"error": {"code": "503", "message": "x"}}), FailureKind.SERVER),
        (
            Reply(body={"choices": [{"finish_reason": "error", "error": {"code": 502}}]}),
            FailureKind.SERVER,
        ),
        (
            Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}),
            FailureKind.BAD_ANSWER,
        ),
        (Reply(body={"error": {"code": 429, "message": "busy"}}), FailureKind.RATE_LIMIT),
        (Reply(body={"error": "no"}), FailureKind.BAD_ANSWER),
    ],
)
def test_every_fault_has_its_kind(
    server: FakeServer, request_one: ChatRequest, reply: Reply, kind: FailureKind
) -> None:
    error = failure(server, request_one, reply)
    assert error.kind is kind
    assert error.detail
    assert "\n" not in str(error)
    if reply.status >= 300:
        assert error.status == reply.status


def test_a_cut_off_answer_is_an_answer(server: FakeServer, request_one: ChatRequest) -> None:
    server.faults.append(Reply(body=completion('{"echo": "o', "length")))
    answer = ask(OpenAICompatibleModel(server.url, "fake"), request_one)
    assert (answer.text, answer.finish) == ('{"echo": "o', "length")


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_every_servers_word_for_length(
    server: FakeServer, request_one: ChatRequest, finish: str
) -> None:
    server.faults.append(Reply(body=completion('{"echo": "o', finish)))
    assert ask(OpenAICompatibleModel(server.url, "fake"), request_one).finish == "length"


def test_thoughts_beside_the_answer_are_passed_over(
    server: FakeServer, request_one: ChatRequest
) -> None:
    parts = [{"type": "thinking", "text": "Hm."}, {"type": "text", "text": "b"}]
    for content in ("b", parts):
        server.faults.append(Reply(body=completion(content, reasoning_content="Hm.")))
        assert ask(OpenAICompatibleModel(server.url, "fake"), request_one).text == "b"


def test_a_limit_that_went_into_thoughts(server: FakeServer, request_one: ChatRequest) -> None:
    body = completion("", "length", reasoning_content="Well, let me see")
    error = failure(server, request_one, Reply(body=body))
    assert error.kind is FailureKind.BAD_ANSWER
    assert "limit of 512 was reached and all of it went into the model's reasoning" in error.detail
    assert "raise max_tokens" in error.detail


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=413),
        Reply(
            status=400,
            body={"error": {"message": "x" * 400 + " context length", "code": "too_long"}},
        ),
        Reply(
            status=400,
            body={"error": {"code": 400, "message": "exceeds the available context size"}},
        ),
    ],
)
def test_a_request_that_is_too_long_says_what_to_do(
    server: FakeServer, request_one: ChatRequest, reply: Reply
) -> None:
    error = failure(server, request_one, reply)
    assert error.kind is FailureKind.BAD_REQUEST
    assert "ask with shorter documents" in error.detail


def test_an_answer_in_words_of_refusal_is_one_only_where_json_was_asked(
    server: FakeServer,
) -> None:
    server.faults.append(Reply(body=completion("I cannot help with that.")))
    answer = ask(OpenAICompatibleModel(server.url, "fake"), ChatRequest(system="", user="u"))
    assert answer.text == "I cannot help with that."


def test_a_server_that_is_loading_is_waited_for(
    server: FakeServer, request_one: ChatRequest
) -> None:
    loading = Reply(status=503, body={"error": {"message": "Loading model", "code": 503}})
    server.faults.append(loading)
    assert ask(OpenAICompatibleModel(server.url, "fake"), request_one).text
    assert len(server.chats) == 2
    error = failure(server, request_one, loading)  # but not beyond the time limit
    assert (error.kind, error.status) == (FailureKind.SERVER, 503)


def test_content_in_parts_and_without_usage(server: FakeServer, request_one: ChatRequest) -> None:
    body = completion([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    del body["usage"]
    server.faults.append(Reply(body=body))
    answer = ask(OpenAICompatibleModel(server.url, "fake"), request_one)
    assert (answer.text, answer.prompt_tokens) == ("ab", None)


def test_a_server_that_drips_runs_into_the_time_limit(request_one: ChatRequest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await asyncio.sleep(0.05)

        async def run() -> None:
            async with await asyncio.start_server(drip, sock=listening):
                model = OpenAICompatibleModel(f"http://127.0.0.1:{port}", "fake", timeout=0.4)
                with pytest.raises(LanguageModelError) as caught:
                    await model.answer(request_one)
                assert caught.value.kind is FailureKind.TIMEOUT
                await model.close()

        started = time.monotonic()
        asyncio.run(run())
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("3", 3, 3),
        ("1.5", 1.5, 1.5),
        (formatdate(time.time() + 3600, usegmt=True), 3000, 3601),
        ("-1", 0, 0),
    ],
)
def test_retry_after_is_read(
    server: FakeServer, request_one: ChatRequest, value: str, low: float, high: float
) -> None:
    error = failure(server, request_one, Reply(status=429, headers={"Retry-After": value}))
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


def test_other_headers_that_ask_to_wait(server: FakeServer, request_one: ChatRequest) -> None:
    milliseconds = {"Retry-After-Ms": "250", "Retry-After": "9"}
    assert failure(server, request_one, Reply(status=429, headers=milliseconds)).retry_after == 0.25
    moment = str(int(time.time() * 1000) + 20_000)
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": moment}
    wait = failure(server, request_one, Reply(status=429, headers=reset)).retry_after
    assert wait is not None
    assert 15 < wait <= 20


@pytest.mark.parametrize("value", ["soon", "nan", "inf", "Mon, 99 Foo 2020"])
def test_an_unusable_retry_after_is_none(
    server: FakeServer, request_one: ChatRequest, value: str
) -> None:
    error = failure(server, request_one, Reply(status=503, headers={"Retry-After": value}))
    assert error.retry_after is None


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_the_key_is_in_no_error(server: FakeServer, request_one: ChatRequest, status: int) -> None:
    long = "x" * 280
    for body in (f"bad key {KEY}".encode(), {"error": {"message": f"{long} Bearer {KEY}"}}):
        error = failure(server, request_one, Reply(status=status, body=body))
        assert KEY[:8] not in str(error) + error.detail + repr(error)


def test_the_key_is_in_no_answer_and_no_repr(server: FakeServer, request_one: ChatRequest) -> None:
    server.faults.append(Reply(body=completion(f"your key is {KEY}")))
    model = OpenAICompatibleModel(server.url, "fake", api_key=KEY)
    assert KEY not in ask(model, request_one).text
    assert KEY not in repr(model)


def test_a_proxy_is_never_used_for_this_machine(
    server: FakeServer, request_one: ChatRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        ask(OpenAICompatibleModel(server.url, "fake"), request_one)
        assert not proxy.seen
        ask(OpenAICompatibleModel("http://llm.invalid", "fake"), request_one)
        assert proxy.seen[0].path == "http://llm.invalid/v1/chat/completions"


def test_a_proxy_that_is_none(request_one: ChatRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://user:hunter22@proxy:1")
    with pytest.raises(InputError, match="ALL_PROXY") as caught:
        ask(OpenAICompatibleModel("http://llm.invalid", "fake"), request_one)
    assert "hunter22" not in str(caught.value)


def test_one_model_serves_several_loops(server: FakeServer, request_one: ChatRequest) -> None:
    model = OpenAICompatibleModel(server.url, "fake")
    for _ in range(2):
        assert asyncio.run(model.answer(request_one)).text
