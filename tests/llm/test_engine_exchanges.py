from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asking import requests, run
from fake_server import FakeServer, Reply, Seen, completion, echo
from syneg.llm.exchange import Exchange, SingleRequest, replay
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind


@dataclass(frozen=True)
class Steps:
    """Asks so many questions, each of which names the answer before."""

    name: str
    number: int = 3

    def next_request(self, answers: Sequence[ChatAnswer], /) -> ChatRequest | None:
        if len(answers) == self.number:
            return None
        before = answers[-1].text if answers else ""
        return ChatRequest(system="s", user=f"{self.name}.{len(answers)} after [{before}]")


def users(server: FakeServer) -> list[str]:
    return [seen.body["messages"][-1]["content"] for seen in server.chats]


def short_echo(seen: Seen) -> Reply:
    return Reply(body=completion(seen.body["messages"][-1]["content"].split()[0]))


def test_each_step_is_asked_with_the_answers_before(server: FakeServer, journal: Journal) -> None:
    server.rule = short_echo
    summary = run(server, journal, [Steps("a"), *requests(2), Steps("b")], concurrency=2)
    assert (summary.asked, summary.answered_now, summary.requests) == (4, 4, 8)
    assert "a.2 after [a.1]" in users(server)
    assert replay(Steps("b"), journal, "fake").done
    again = run(server, journal, [Steps("a"), *requests(2), Steps("b")])
    assert (again.asked, again.answered_before, again.requests) == (4, 4, 0)
    assert len(server.chats) == 8


def test_an_exchange_goes_on_where_it_was(server: FakeServer, journal: Journal) -> None:
    server.rule = lambda seen: (
        short_echo(seen) if "a.1" not in str(seen.body) else Reply(status=503)
    )
    first = run(server, journal, [Steps("a"), Steps("b")], attempts=1)
    assert (first.answered_now, first.failed[FailureKind.SERVER].count) == (1, 1)
    server.rule = short_echo
    asked = len(server.chats)
    second = run(server, journal, [Steps("a"), Steps("b")])
    assert (second.answered_before, second.answered_now, second.requests) == (1, 1, 2)
    assert users(server)[asked:] == ["a.1 after [a.0]", "a.2 after [a.1]"]


def test_a_step_that_failed_for_good_is_told_and_not_asked(
    server: FakeServer, journal: Journal
) -> None:
    refusal = Reply(status=400, body={"error": {"message": "too long"}})
    server.rule = lambda seen: short_echo(seen) if "a.2" not in str(seen.body) else refusal
    run(server, journal, [Steps("a")])
    asked = len(server.chats)
    second = run(server, journal, [Steps("a")])
    assert second.failed_before[FailureKind.BAD_REQUEST].example == "too long"
    assert len(server.chats) == asked
    server.rule = short_echo
    assert run(server, journal, [Steps("a")], retry_failed=True).answered_now == 1


def test_a_request_in_two_places_is_asked_once(server: FakeServer, journal: Journal) -> None:
    server.rule = lambda seen: Reply(body=completion("x"), delay=0.05)
    shared = ChatRequest(system="s", user="a.0 after []")
    work: list[Any] = [shared, Steps("a"), Steps("a"), SingleRequest(shared), shared]
    summary = run(server, journal, work, concurrency=5)
    assert max(Counter(users(server)).values()) == 1
    assert len(server.chats) == 3
    # The request is one item however often it is given; exchanges count each.
    assert (summary.asked, summary.answered_now + summary.answered_before) == (3, 3)
    assert summary.not_reached == 0


def test_an_exchange_without_requests_is_done(server: FakeServer, journal: Journal) -> None:
    summary = run(server, journal, [Steps("a", 0)])
    assert (summary.asked, summary.answered_before, len(server.seen)) == (1, 1, 0)


def test_work_is_read_only_a_little_ahead(server: FakeServer, journal: Journal) -> None:
    ahead = []
    read = 0

    def work() -> Iterator[ChatRequest]:
        nonlocal read
        for request in requests(120):
            read += 1
            yield request

    def rule(seen: Seen) -> Reply:
        ahead.append(read - len(server.chats))
        return echo(seen)

    server.rule = rule
    summary = run(server, journal, work(), concurrency=4)
    assert (summary.asked, summary.answered_now, summary.not_reached) == (120, 120, 0)
    assert max(ahead) <= 2 * 4


def test_work_that_breaks_off_loses_nothing(server: FakeServer, journal: Journal) -> None:
    def work() -> Iterator[ChatRequest | Exchange]:
        yield from requests(10)
        raise LookupError("no such document")

    server.rule = lambda seen: Reply(body=completion("x"), delay=0.1)
    with pytest.raises(LookupError, match="no such document"):
        run(server, journal, work(), concurrency=4)
    # What was begun is finished and stored.
    answers = journal.totals().answers
    assert answers == len(server.chats) > 0
    again = run(server, journal, requests(10))
    assert (again.answered_before, again.answered_now) == (answers, 10 - answers)


def test_an_exchange_that_breaks_stops_the_run_after_those_under_way(
    server: FakeServer, journal: Journal
) -> None:
    class Broken(Steps):
        def next_request(self, answers: Sequence[ChatAnswer], /) -> ChatRequest | None:
            if answers:
                raise ZeroDivisionError
            return super().next_request(answers)

    server.rule = lambda seen: Reply(body=completion("x"), delay=0.0 if "a." in str(seen) else 0.2)
    with pytest.raises(ZeroDivisionError):
        run(server, journal, [*requests(3), Broken("a"), *requests(400)[3:]], concurrency=4)
    assert journal.totals().answers == len(server.chats) <= 12


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.lists(st.integers(0, 30), max_size=40),
    exchanges=st.lists(st.integers(31, 40), max_size=6, unique=True),
    concurrency=st.integers(1, 9),
)
def test_every_item_is_answered_once_or_reported(
    tmp_path_factory: pytest.TempPathFactory,
    data: list[int],
    exchanges: list[int],
    concurrency: int,
) -> None:
    def rule(seen: Seen) -> Reply:
        number = int(seen.body["messages"][-1]["content"].split(".")[0].split()[-1])
        if number % 7 == 0:
            return Reply(status=400, body={"error": {"message": "bad"}})
        if number % 5 == 0:
            return Reply(status=500)
        return Reply(body=completion("x"))

    work: list[Any] = [ChatRequest(system="s", user=f"request {number}") for number in data]
    work.extend(Steps(f"{number}") for number in exchanges)
    items = {*data, *exchanges}
    failing = {number for number in items if number % 7 == 0 or number % 5 == 0}
    path = tmp_path_factory.mktemp("run") / "journal.sqlite"
    with FakeServer() as server, Journal(path) as journal:
        server.rule = rule
        first = run(server, journal, iter(work), concurrency=concurrency, attempts=1)
        assert first.asked == len(items)
        assert first.answered_now == len(items - failing)
        assert sum(one.count for one in first.failed.values()) == len(failing)
        assert first.not_reached == 0
        assert max(Counter(users(server)).values(), default=1) == 1
        asked = Counter(users(server))
        second = run(server, journal, work, concurrency=concurrency, attempts=1)
        assert second.answered_before == len(items - failing)
        passing = {number for number in failing if number % 7}
        assert sum(one.count for one in second.failed.values()) == len(passing)
        assert sum(one.count for one in second.failed_before.values()) == len(failing - passing)
        assert sum((Counter(users(server)) - asked).values()) == len(passing)


def test_passing_over_what_is_done_lets_others_go_on(tmp_path: Path, server: FakeServer) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        run(server, journal, requests(150), concurrency=8)

        def work() -> Iterator[ChatRequest]:
            yield ChatRequest(system="s", user="new 1")
            yield from requests(150)
            time.sleep(0.01)
            yield ChatRequest(system="s", user="new 2")

        summary = run(server, journal, work(), concurrency=2)
    assert (summary.answered_before, summary.answered_now, summary.asked) == (150, 2, 152)
