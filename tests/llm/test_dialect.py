from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

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


OLD_SERVER = refusing("json_schema", "json_object")


def test_what_was_learned_outlives_the_process(
    server: FakeServer, request_one: ChatRequest, tmp_path: Path
) -> None:
    memory = tmp_path / "run" / "servers.json"
    server.rule = OLD_SERVER
    ask(OpenAICompatibleModel(server.url, "fake", memory=memory), request_one)
    assert len(server.chats) == 3
    ask(OpenAICompatibleModel(server.url, "fake", memory=memory), request_one)
    assert len(server.chats) == 4
    ask(OpenAICompatibleModel(server.url, "another", memory=memory), request_one)
    assert len(server.chats) == 7


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"version": 2, "servers": {}}',
        '{"version": 1, "servers": 3}',
        '{"version": 1, "servers": {"URL fake": 1}}',
        '{"version": 1, "servers": {"URL fake": {"learned_at": 99999999999, "dialect": {}}}}',
        '{"version": 1, "servers": {"URL fake": {"learned_at": NOW, "dialect": {"seed": 1}}}}',
    ],
)
def test_a_memory_that_makes_no_sense_is_passed_over(
    server: FakeServer, request_one: ChatRequest, tmp_path: Path, content: str
) -> None:
    memory = tmp_path / "servers.json"
    text = content.replace("URL", f"{server.url}/v1").replace("NOW", str(int(time.time())))
    memory.write_text(text, encoding="utf-8")
    model = OpenAICompatibleModel(server.url, "fake", memory=memory)
    assert ask(model, request_one).text
    assert "response_format" in server.chats[0].body


def test_what_was_learned_long_ago_is_tried_anew(
    server: FakeServer, request_one: ChatRequest, tmp_path: Path
) -> None:
    memory = tmp_path / "servers.json"
    server.rule = OLD_SERVER
    ask(OpenAICompatibleModel(server.url, "fake", memory=memory), request_one)
    value = json.loads(memory.read_text(encoding="utf-8"))
    for entry in value["servers"].values():
        entry["learned_at"] -= 8 * 24 * 3600
    memory.write_text(json.dumps(value), encoding="utf-8")
    server.rule = echo
    ask(OpenAICompatibleModel(server.url, "fake", memory=memory), request_one)
    assert server.chats[-1].body["response_format"]["type"] == "json_schema"


def test_a_refusal_that_led_to_no_answer_is_not_remembered(
    server: FakeServer, request_one: ChatRequest, tmp_path: Path
) -> None:
    memory = tmp_path / "servers.json"
    server.rule = lambda seen: Reply(status=400, body={"error": {"message": "grammar trouble"}})
    with pytest.raises(LanguageModelError):
        ask(OpenAICompatibleModel(server.url, "fake", memory=memory), request_one)
    assert not memory.exists()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "Unsupported response_format type: json_schema"),
        (404, "response_format is not supported by any endpoint"),
    ],
)
def test_other_statuses_that_say_plainly_what_is_not_taken(
    server: FakeServer, request_one: ChatRequest, status: int, message: str
) -> None:
    server.faults.append(Reply(status=status, body={"error": {"message": message}}))
    ask(OpenAICompatibleModel(server.url, "fake"), request_one)
    assert server.chats[-1].body["response_format"] == {"type": "json_object"}


def test_a_crash_that_speaks_of_json_is_no_lesson(
    server: FakeServer, request_one: ChatRequest
) -> None:
    server.faults.append(Reply(status=500, body=b"json_schema worker died"))
    with pytest.raises(LanguageModelError):
        ask(OpenAICompatibleModel(server.url, "fake"), request_one)
    assert len(server.chats) == 1


LIST_SCHEMA = {
    "type": "object",
    "properties": {
        "negatives": {
            "type": "array",
            "items": {"type": "object", "properties": {"text": {"type": "string"}}},
        }
    },
}


@pytest.mark.parametrize(
    ("system", "is_added"),
    [
        ("", True),
        ("Answer with JSON.", True),
        ('Answer with JSON: {"negatives": ...}', True),
        ('Answer with JSON: {"negatives": [{"text": "..."}]}', False),
    ],
)
def test_the_form_is_said_where_no_schema_can_be_sent(
    server: FakeServer, system: str, is_added: bool
) -> None:
    server.rule = OLD_SERVER
    asked = ChatRequest(system=system, user="u", schema=LIST_SCHEMA)
    ask(OpenAICompatibleModel(server.url, "fake"), asked)
    sent = server.chats[-1].body["messages"]
    assert sent[-1] == {"role": "user", "content": "u"}
    assert sent[0]["content"].startswith(system)
    assert (json.dumps(LIST_SCHEMA) in sent[0]["content"]) is is_added


def test_json_mode_is_no_way_to_ask_for_a_list(server: FakeServer) -> None:
    server.rule = refusing("json_schema")
    asked = ChatRequest(system="", user="u", schema={"type": "array", "items": {}})
    ask(OpenAICompatibleModel(server.url, "fake"), asked)
    assert "response_format" not in server.chats[-1].body
