from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from asking import requests, run
from fake_server import FakeServer, Reply, Seen, completion, echo
from syneg.errors import InputError
from syneg.llm.engine import EngineSummary
from syneg.llm.journal import Journal
from syneg.llm.protocol import FailureKind
from syneg.llm.retries import Backoff


def users(server: FakeServer) -> list[str]:
    return [seen.body["messages"][-1]["content"] for seen in server.chats]


def number_of(seen: Seen) -> int:
    return int(seen.body["messages"][-1]["content"].split()[-1])


def test_all_are_answered_and_never_asked_again(server: FakeServer, journal: Journal) -> None:
    asked = requests(30)
    summary = run(server, journal, asked, concurrency=4)
    assert (summary.asked, summary.answered_now, summary.not_reached) == (30, 30, 0)
    assert (summary.prompt_tokens, summary.completion_tokens) == (300, 150)
    assert not summary.failed
    assert not summary.stopped_by_budget
    assert server.most_at_once <= 4
    for request in asked:
        answer = journal.get(request.key("fake"))
        assert answer is not None
        assert json.loads(answer.text) == {"echo": request.user}
    again = run(server, journal, [*asked, *requests(32)], concurrency=4)
    assert (again.asked, again.answered_before, again.answered_now) == (32, 30, 2)
    assert len(server.chats) == 32
    json.dumps(again.as_dict())


def test_they_are_taken_in_their_order(server: FakeServer, journal: Journal) -> None:
    run(server, journal, requests(12), concurrency=1)
    assert users(server) == [f"request {number}" for number in range(12)]


def test_many_go_side_by_side(server: FakeServer, journal: Journal) -> None:
    server.rule = lambda seen: Reply(body=completion("x"), delay=0.1)
    run(server, journal, requests(12), concurrency=6)
    assert server.most_at_once == 6


@pytest.mark.parametrize(
    "fault",
    [
        Reply(status=429, headers={"Retry-After": "0"}),
        Reply(status=500),
        Reply(ending="reset"),
        Reply(ending="half", body=completion("x" * 500)),
        Reply(ending="stall"),
    ],
)
def test_passing_faults_pass(server: FakeServer, journal: Journal, fault: Reply) -> None:
    server.faults.extend([fault] * 3)
    summary = run(server, journal, requests(4), concurrency=2, timeout=0.4)
    assert (summary.answered_now, summary.failed) == (4, {})
    assert len(server.chats) == 7
    assert journal.failures() == {}


def test_retry_after_is_obeyed(server: FakeServer, journal: Journal) -> None:
    server.faults.append(Reply(status=429, headers={"Retry-After": "1"}))
    started = time.monotonic()
    run(server, journal, requests(1))
    assert time.monotonic() - started >= 1


def test_retry_after_is_obeyed_within_reason(server: FakeServer, journal: Journal) -> None:
    server.faults.append(Reply(status=429, headers={"Retry-After": "86400"}))
    started = time.monotonic()
    summary = run(
        server,
        journal,
        requests(1),
        backoff=Backoff(first_seconds=0.01, longest_obeyed_seconds=0.3),
    )
    assert 0.3 <= time.monotonic() - started < 3
    assert summary.answered_now == 1


def test_a_failing_request_stops_no_other(server: FakeServer, journal: Journal) -> None:
    def rule(seen: Seen) -> Reply:
        number = number_of(seen)
        if number % 5 == 0:
            return Reply(status=500)
        if number % 5 == 1:
            return Reply(status=400, body={"error": {"message": "too long"}})
        if number % 5 == 2:
            return Reply(body=completion(""))
        return echo(seen)

    server.rule = rule
    summary = run(server, journal, requests(25), concurrency=3, attempts=3)
    expected = {
        FailureKind.SERVER: 5,
        FailureKind.BAD_REQUEST: 5,
        FailureKind.BAD_ANSWER: 5,
    }
    assert {kind: one.count for kind, one in summary.failed.items()} == expected
    assert {kind: one.count for kind, one in journal.failures().items()} == expected
    assert summary.failed[FailureKind.BAD_REQUEST].example == "too long"
    assert journal.failures()[FailureKind.BAD_REQUEST].example == "too long"
    assert summary.as_dict()["failed"]["bad-request"] == 5
    assert summary.answered_now == 10
    assert summary.not_reached == 0
    # 3 attempts at a passing fault, 1 at a bad request, 2 at an unusable answer.
    assert len(server.chats) == 5 * 3 + 5 * 1 + 5 * 2 + 10
    # What may pass is asked again the next time, what will not is not, unless it is wished.
    server.rule = echo
    second = run(server, journal, requests(25))
    assert (second.answered_now, second.answered_before, second.failed) == (5, 10, {})
    assert {kind: one.count for kind, one in second.failed_before.items()} == {
        FailureKind.BAD_REQUEST: 5,
        FailureKind.BAD_ANSWER: 5,
    }
    assert second.failed_before[FailureKind.BAD_REQUEST].example == "too long"
    assert second.not_reached == 0
    third = run(server, journal, requests(25), retry_failed=True)
    assert (third.answered_now, third.failed_before) == (10, {})
    assert journal.failures() == {}


@pytest.mark.parametrize(
    "options", [{"concurrency": 0}, {"attempts": 0}, {"seconds": 0}, {"seconds": float("nan")}]
)
def test_arguments_out_of_range(
    server: FakeServer, journal: Journal, options: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        run(server, journal, requests(1), **options)


def test_inside_a_running_loop(server: FakeServer, journal: Journal) -> None:
    async def notebook() -> EngineSummary:
        return run(server, journal, requests(3))

    assert asyncio.run(notebook()).answered_now == 3
