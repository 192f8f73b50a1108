"""Whole runs against a server that misbehaves, with a pace, as the engine would ask."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import time
from collections import Counter

import pytest

from fake_server import FakeServer, Reply, Seen, completion, echo
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.connections import Connections
from syneg.llm.direct_connections import DirectConnections
from syneg.llm.httpx_connections import HttpxConnections
from syneg.llm.pace import Pace
from syneg.llm.parsing import parse_json_object
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError

SCHEMA = {"type": "object", "properties": {"echo": {"type": "string"}}, "required": ["echo"]}


def requests(count: int) -> list[ChatRequest]:
    return [
        ChatRequest(system="s", user=f"request {number}", schema=SCHEMA) for number in range(count)
    ]


def ask_until_answered(
    model: OpenAICompatibleModel, asked: list[ChatRequest], workers: int = 8, tries: int = 6
) -> tuple[list[ChatAnswer | None], Counter[FailureKind]]:
    """Ask each request until it has an answer, and count the failures on the way."""
    failures: Counter[FailureKind] = Counter()
    answers: dict[str, ChatAnswer] = {}

    async def run() -> None:
        line = iter(asked)

        async def work() -> None:
            for request in line:
                for _ in range(tries):
                    try:
                        answers[request.user] = await model.answer(request)
                        break
                    except LanguageModelError as error:
                        failures[error.kind] += 1
                        await asyncio.sleep(0.02)

        await asyncio.gather(*(work() for _ in range(workers)))
        await model.close()

    asyncio.run(run())
    return [answers.get(request.user) for request in asked], failures


def echoed(answers: list[ChatAnswer | None]) -> list[object]:
    return [answer and parse_json_object(answer.text)["echo"] for answer in answers]


@pytest.mark.parametrize("retry_after", [None, "0.3"])
def test_a_storm_of_429(server: FakeServer, retry_after: str | None) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    count = itertools.count()

    def rule(seen: Seen) -> Reply:
        if next(count) in range(20, 25):
            return Reply(status=429, headers=headers, delay=0.05)
        return echo(seen)

    server.rule = rule
    asked = requests(60)
    model = OpenAICompatibleModel(server.url, "fake", pace=Pace(8))
    answers, failures = ask_until_answered(model, asked)
    assert echoed(answers) == [request.user for request in asked]
    assert failures == {FailureKind.RATE_LIMIT: 5}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Reply(status=500, body=b"<html>oh</html>"), FailureKind.SERVER),
        (Reply(status=502), FailureKind.SERVER),
        (Reply(ending="reset"), FailureKind.UNREACHABLE),
        (Reply(ending="half", body=completion("x" * 5000)), FailureKind.UNREACHABLE),
        (Reply(ending="stall"), FailureKind.TIMEOUT),
        (Reply(ending="drip"), FailureKind.TIMEOUT),
        (Reply(body=b'{"choices": [{"mess'), FailureKind.BAD_ANSWER),
        (Reply(body=completion("")), FailureKind.BAD_ANSWER),
        (Reply(body=completion("I'm sorry, but I can't do that.")), FailureKind.REFUSAL),
        (Reply(body=b"\xff\xfe\x00"), FailureKind.BAD_ANSWER),
    ],
)
def test_a_fault_now_and_then(server: FakeServer, fault: Reply, kind: FailureKind) -> None:
    server.faults.extend([fault] * 4)
    asked = requests(20)
    model = OpenAICompatibleModel(server.url, "fake", timeout=0.4, pace=Pace(4))
    started = time.monotonic()
    answers, failures = ask_until_answered(model, asked)
    assert echoed(answers) == [request.user for request in asked]
    assert failures == {kind: 4}
    assert time.monotonic() - started < 10  # four times the limit at most, and no hang
    assert model.pace.under_way == 0


def test_an_answer_sent_twice_is_no_answer_to_the_next(server: FakeServer) -> None:
    def rule(seen: Seen) -> Reply:
        return Reply(body=echo(seen).body, ending="twice")

    server.rule = rule
    asked = requests(12)
    model = OpenAICompatibleModel(server.url, "fake", timeout=2, pace=Pace(1))
    answers, _ = ask_until_answered(model, asked, workers=1)
    assert echoed(answers) == [request.user for request in asked]


def test_a_restart_on_the_same_port(server: FakeServer) -> None:
    model = OpenAICompatibleModel(server.url, "fake", timeout=2, pace=Pace(4))
    server.rule = lambda seen: Reply(body=echo(seen).body, delay=0.02)
    asked = requests(40)

    async def restart() -> None:
        await asyncio.sleep(0.06)
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(0.1)
        server.start()

    async def run() -> list[ChatAnswer]:
        restarting = asyncio.create_task(restart())

        async def one(request: ChatRequest) -> ChatAnswer:
            while True:
                try:
                    return await model.answer(request)
                except LanguageModelError as error:
                    assert error.kind is FailureKind.UNREACHABLE
                    await asyncio.sleep(0.05)

        answers = await asyncio.gather(*(one(request) for request in asked))
        await restarting
        await model.close()
        return answers

    assert echoed(list(asyncio.run(run()))) == [request.user for request in asked]


def test_a_wrong_shape_is_left_to_whoever_asked(server: FakeServer) -> None:
    texts = ["a poem", '{"other": 1}', "[1]", "<think>{</think> {'echo': 'x'}"]
    server.faults.extend(Reply(body=completion(text)) for text in texts)
    model = OpenAICompatibleModel(server.url, "fake")
    answers, failures = ask_until_answered(model, requests(4), workers=1)
    assert [answer and answer.text for answer in answers] == texts
    assert not failures


def test_a_request_that_is_cancelled_frees_its_slot(server: FakeServer) -> None:
    server.faults.append(Reply(ending="stall"))
    model = OpenAICompatibleModel(server.url, "fake", pace=Pace(1))
    first, second = requests(2)

    async def run() -> str:
        asking = asyncio.create_task(model.answer(first))
        while not server.chats:
            await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        answer = await model.answer(second)
        await model.close()
        return answer.text

    assert json.loads(asyncio.run(run())) == {"echo": second.user}


def _connections(kind: type[DirectConnections | HttpxConnections], url: str) -> Connections:
    headers, parameters = {"X-Own": "yes"}, (("api-version", "1"),)
    if kind is DirectConnections:
        return DirectConnections(url, headers, parameters)
    return HttpxConnections(headers, parameters, None)


@pytest.mark.parametrize("kind", [DirectConnections, HttpxConnections])
def test_both_ways_to_a_server_do_the_same(
    server: FakeServer, kind: type[DirectConnections | HttpxConnections]
) -> None:
    packed = gzip.compress(b'{"a": 1}')
    server.faults.extend(
        [
            Reply(body=packed, headers={"Content-Encoding": "gzip", "X-Some": "1"}),
            Reply(status=302, headers={"Location": f"{server.url}/elsewhere"}),
            Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
            Reply(ending="half", body=completion("x" * 5000)),
            Reply(ending="reset"),
        ]
    )
    kinds = []

    async def run() -> None:
        connections = _connections(kind, server.url)
        url = f"{server.url}/v1/chat/completions"
        reply = await connections.send("POST", url, b"{}")
        assert (reply.status, reply.body, reply.headers["x-some"]) == (200, b'{"a": 1}', "1")
        assert (await connections.send("POST", url, b"{}")).status == 302
        for _ in range(3):
            with pytest.raises(LanguageModelError) as caught:
                await connections.send("POST", url, b"{}")
            kinds.append(caught.value.kind)
        server.stop()
        with pytest.raises(LanguageModelError) as caught:
            await connections.send("GET", url, None)
        kinds.append(caught.value.kind)
        await connections.close()

    asyncio.run(run())
    gone = FailureKind.UNREACHABLE
    assert kinds == [FailureKind.BAD_ANSWER, gone, gone, gone]
    assert {seen.path for seen in server.seen} == {"/v1/chat/completions?api-version=1"}
    assert server.seen[0].headers["X-Own"] == "yes"
