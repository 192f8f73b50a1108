from __future__ import annotations

import asyncio

import pytest

from fake_server import FakeServer, Reply, Seen, echo
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.protocol import (
    ChatAnswer,
    ChatRequest,
    LanguageModelError,
)


def ask(model: OpenAICompatibleModel, request: ChatRequest) -> ChatAnswer:
    async def run() -> ChatAnswer:
        try:
            return await model.answer(request)
        finally:
            await model.close()

    return asyncio.run(run())


def refusing(*forms: str):
    """A rule that refuses some forms of response_format, as servers of old do."""

    def rule(seen: Seen) -> Reply:
        form = seen.body.get("response_format", {}).get("type")
        if form in forms:
            return Reply(status=400, body={"error": {"message": f"response_format {form}?"}})
        return echo(seen)

    return rule


@pytest.mark.parametrize(
    ("refused", "taken"),
    [(("json_schema",), {"type": "json_object"}), (("json_schema", "json_object"), None)],
)
def test_it_falls_back_from_the_schema_and_remembers(
    server: FakeServer, request_one: ChatRequest, refused: tuple[str, ...], taken: object
) -> None:
    server.rule = refusing(*refused)
    model = OpenAICompatibleModel(server.url, "fake")
    assert ask(model, request_one).text == '{"echo": "one"}'
    assert len(server.seen) == 1 + len(refused)
    ask(model, request_one)
    assert len(server.seen) == 2 + len(refused)
    assert server.seen[-1].body.get("response_format") == taken


def test_many_at_once_learn_together(server: FakeServer, request_one: ChatRequest) -> None:
    server.rule = refusing("json_schema", "json_object")
    model = OpenAICompatibleModel(server.url, "fake")

    async def run() -> list[ChatAnswer]:
        answers = await asyncio.gather(*(model.answer(request_one) for _ in range(8)))
        await model.close()
        return answers

    assert len(asyncio.run(run())) == 8


def test_limits_in_the_schema_are_dropped_before_the_schema(server: FakeServer) -> None:
    def rule(seen: Seen) -> Reply:
        if "maxLength" in str(seen.body["response_format"]):
            message = "Invalid schema for response_format: 'maxLength' is not permitted."
            return Reply(status=400, body={"error": {"message": message}})
        return echo(seen)

    server.rule = rule
    text = {"type": "string", "maxLength": 9}
    schema = {"type": "object", "properties": {"text": text}, "required": ["text"]}
    ask(OpenAICompatibleModel(server.url, "fake"), ChatRequest(system="", user="u", schema=schema))
    sent = server.seen[-1].body["response_format"]["json_schema"]["schema"]
    assert sent == {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    }


@pytest.mark.parametrize(
    ("message", "gone", "there"),
    [
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "max_completion_tokens",
        ),
        ("Unsupported value: 'temperature' does not support 0.8", "temperature", "seed"),
        ("body.seed: Extra inputs are not permitted", "seed", "temperature"),
    ],
)
def test_other_parameters_that_a_server_refuses(
    server: FakeServer, request_one: ChatRequest, message: str, gone: str, there: str
) -> None:
    server.faults.append(Reply(status=400, body={"error": {"message": message}}))
    ask(OpenAICompatibleModel(server.url, "fake"), request_one)
    assert gone not in server.seen[-1].body
    assert there in server.seen[-1].body


def test_another_bad_request_is_not_asked_again(
    server: FakeServer, request_one: ChatRequest
) -> None:
    server.faults.append(Reply(status=400, body={"error": {"message": "too long"}}))
    with pytest.raises(LanguageModelError, match="too long"):
        ask(OpenAICompatibleModel(server.url, "fake"), request_one)
    assert len(server.seen) == 1
