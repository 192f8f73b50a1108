from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from syneg.errors import InputError
from syneg.files import value_hash
from syneg.llm.journal import Journal
from syneg.llm.prices import Spent
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError

# The tables as format 1 made them.
FORMAT_1 = """
CREATE TABLE answers (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, request TEXT NOT NULL, answer TEXT NOT NULL,
    finish TEXT NOT NULL, prompt_tokens INTEGER, completion_tokens INTEGER,
    seconds REAL NOT NULL, time TEXT NOT NULL
);
CREATE TABLE failures (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, model TEXT NOT NULL, kind TEXT NOT NULL,
    detail TEXT NOT NULL, status INTEGER, attempt INTEGER NOT NULL, time TEXT NOT NULL
);
CREATE INDEX failures_by_key ON failures (key);
CREATE TABLE spent (task TEXT PRIMARY KEY, seconds REAL NOT NULL);
PRAGMA user_version = 1;
"""
SCHEMA = {"type": "object", "properties": {"b": {}, "a": {}}}
TIME = "2024-12-01T12:00:00+00:00"


def request(number: int) -> ChatRequest:
    schema = SCHEMA if number % 2 else None
    return ChatRequest(system="Be “short”.", user=f"ü {number}", schema=schema, seed=number)


def key_of_format_1(request: ChatRequest, model: str) -> str:
    return value_hash(
        [
            model,
            request.system,
            request.user,
            request.schema,
            request.temperature,
            request.max_tokens,
            request.seed,
            request.sample,
        ]
    )


def request_of_format_1(request: ChatRequest) -> str:
    value = {
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ],
        "schema": request.schema,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
        "sample": request.sample,
    }
    return json.dumps(value, ensure_ascii=False)


def make_format_1(path: Path, rows: int) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(FORMAT_1)
    for number in range(rows):
        one = request(number)
        connection.execute(
            "INSERT INTO answers VALUES (?, 'm', ?, ?, 'stop', ?, 5, 0.5, ?)",
            (
                key_of_format_1(one, "m"),
                request_of_format_1(one),
                f"answer {number}",
                None if number == 3 else 10,
                TIME,
            ),
        )
    # A row that some other tool wrote is kept too.
    connection.execute(
        "INSERT INTO answers VALUES ('strange', 'm', 'no JSON', 'kept', 'stop', 1, 1, 1, ?)",
        (TIME,),
    )
    for number, kind, status in (
        (100, "bad-request", 400),
        (101, "timeout", None),
        (102, "bad-request", 404),
        (103, "bad-answer", None),
    ):
        connection.execute(
            "INSERT INTO failures (key, model, kind, detail, status, attempt, time)"
            " VALUES (?, 'm', ?, 'why', ?, 2, ?)",
            (key_of_format_1(request(number), "m"), kind, status, TIME),
        )
    connection.execute("INSERT INTO spent VALUES ('synthesize', 12.5)")
    connection.commit()
    connection.close()


def test_a_journal_of_format_1_is_taken_over_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    make_format_1(path, 50)
    for _ in range(2):  # The second time nothing is left to do.
        with Journal(path) as journal:
            for number in range(50):
                found = journal.get(request(number).key("m"))
                assert found == ChatAnswer(
                    text=f"answer {number}",
                    finish="stop",
                    prompt_tokens=None if number == 3 else 10,
                    completion_tokens=5,
                    seconds=0.5,
                )
            kept = journal.get("strange")
            assert kept is not None
            assert kept.text == "kept"
            assert journal.totals().answers == 51
            assert journal.spent("synthesize") == Spent(seconds=12.5)
            assert {kind: one.count for kind, one in journal.failures().items()} == {
                FailureKind.BAD_ANSWER: 1,
                FailureKind.BAD_REQUEST: 2,
                FailureKind.TIMEOUT: 1,
            }
            keys = {number: request(number).key("m") for number in range(100, 104)}
            lasting = journal.failed_for_good(keys.values())
            assert set(lasting) == {keys[100], keys[103]}
    connection = sqlite3.connect(path)
    texts = [text for (text,) in connection.execute("SELECT text FROM texts ORDER BY text")]
    assert [json.loads(text) if text[0] == "{" else text for text in texts] == [
        "Be “short”.",
        SCHEMA,
    ]
    settings, user, time = connection.execute(
        "SELECT settings, user, time FROM answers WHERE answer = 'answer 7'"
    ).fetchone()
    assert json.loads(settings) == {"temperature": 0.8, "max_tokens": 512, "seed": 7, "sample": 0}
    assert (user, time) == ("ü 7", TIME)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_rows_of_both_formats_count_as_one_kind(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    make_format_1(path, 4)
    answer = ChatAnswer(
        text="new", finish="stop", prompt_tokens=10, completion_tokens=5, seconds=0.5
    )
    with Journal(path) as journal:
        for number in range(8):
            journal.store(request(number), "m", answer)
        figures = journal.figures("m", request(0).system)
        found = journal.get(request(0).key("m"))
        assert found is not None
        assert found.text == "answer 0"
    assert figures.answers == 8
    assert figures.tokens_per_character == pytest.approx(10 / len("Be “short”.ü 0"))


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    make_format_1(path, 5)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE texts (songs TEXT)")  # In the way of the new tables.
    connection.close()
    with pytest.raises(InputError, match="cannot be used"):
        Journal(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT COUNT(*) FROM answers").fetchone() == (6,)
    connection.close()


def test_the_last_failure_decides_whether_to_ask_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        refused = LanguageModelError(FailureKind.BAD_REQUEST, "too long", status=400)
        busy = LanguageModelError(FailureKind.SERVER, "busy", status=503)
        for number, errors in enumerate([(refused, busy), (busy, refused), (refused,)]):
            for error in errors:
                journal.store_failure(request(number), "m", error, 1)
        keys = [request(number).key("m") for number in range(3)]
        found = journal.failed_for_good(keys)
        assert set(found) == {keys[1], keys[2]}
        assert found[keys[1]].detail == "too long"
        journal.ask_again([keys[2]])
        assert set(journal.failed_for_good(keys)) == {keys[1]}
