from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asking import requests, run
from fake_server import FakeServer, Reply, Seen, completion
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest, FailureKind
from syneg.progress import Task


class Recorder:
    """A progress that notes where the bar was."""

    def __init__(self) -> None:
        self.total: float | None = None
        self.start = 0.0
        self.position = 0.0
        self.texts: list[str] = []

    @contextmanager
    def task(self, name: str, total: float | None, done: float = 0) -> Iterator[Task]:
        self.name, self.total, self.start, self.position = name, total, done, done
        yield self

    def advance(self, count: float = 1) -> None:
        assert count >= 0
        self.position += count

    def describe(self, text: str) -> None:
        self.texts.append(text)


def test_nothing_to_ask(server: FakeServer, journal: Journal) -> None:
    bar = Recorder()
    summary = run(server, journal, [], progress=bar, seconds=5)
    assert summary.asked == summary.not_reached == 0
    assert bar.position == bar.total
    assert not server.seen


def test_the_budget_ends_the_run_and_outlives_it(tmp_path: Path, server: FakeServer) -> None:
    server.rule = lambda seen: Reply(body=completion("x"), delay=0.1)
    with Journal(tmp_path / "journal.sqlite") as journal:
        bar = Recorder()
        started = time.monotonic()
        summary = run(server, journal, requests(500), concurrency=2, seconds=1.0, progress=bar)
        assert 1.0 <= time.monotonic() - started < 3
        assert summary.stopped_by_budget
        assert 4 <= summary.answered_now <= 24
        assert summary.not_reached == 500 - summary.answered_now
        assert not summary.failed
        assert (bar.total, bar.start) == (1.0, pytest.approx(0, abs=0.2))
        assert bar.position == pytest.approx(1.0)
        assert bar.texts[-1] == f"{summary.answered_now} of 500 answered"
    with Journal(tmp_path / "journal.sqlite") as journal:
        assert journal.spent_seconds("synthesize") >= 1.0
        seen = len(server.chats)
        again = run(server, journal, requests(500), concurrency=2, seconds=1.0)
        assert (again.answered_now, again.stopped_by_budget) == (0, True)
        assert len(server.chats) == seen
        # Another task has a budget of its own; a larger budget goes on.
        more = run(server, journal, requests(500), seconds=0.3, task_name="judge")
        assert more.answered_now > 0
        more = run(server, journal, requests(500), seconds=2.0)
        assert more.answered_now > 0


def test_requests_under_way_get_their_grace(server: FakeServer, journal: Journal) -> None:
    server.rule = lambda seen: Reply(body=completion("x"), delay=1.0)
    summary = run(server, journal, requests(9), concurrency=3, seconds=0.3)
    assert (summary.answered_now, summary.not_reached) == (3, 6)


def test_grace_ends(server: FakeServer, journal: Journal) -> None:
    server.rule = lambda seen: Reply(ending="stall")
    started = time.monotonic()
    summary = run(
        server, journal, requests(9), concurrency=3, seconds=0.3, grace_seconds=0.3, timeout=60
    )
    assert time.monotonic() - started < 5
    assert (summary.answered_now, summary.not_reached, summary.failed) == (0, 9, {})
    assert summary.stopped_by_budget


def test_no_waiting_past_the_budget(server: FakeServer, journal: Journal) -> None:
    server.rule = lambda seen: Reply(status=429, headers={"Retry-After": "100"})
    started = time.monotonic()
    summary = run(server, journal, requests(2), concurrency=2, seconds=0.5)
    assert time.monotonic() - started < 3
    assert summary.failed[FailureKind.RATE_LIMIT].count == 2


def test_the_bar_is_full_when_all_is_done_before_the_budget(
    server: FakeServer, journal: Journal
) -> None:
    bar = Recorder()
    summary = run(server, journal, requests(5), seconds=100.0, progress=bar)
    assert not summary.stopped_by_budget
    assert bar.position == bar.total == 100.0


def test_the_bar_counts_requests_without_a_budget(server: FakeServer, journal: Journal) -> None:
    run(server, journal, requests(4))
    server.faults.append(Reply(status=404))
    bar = Recorder()
    run(server, journal, requests(10), progress=bar, concurrency=1)
    assert (bar.start, bar.position, bar.total) == (4, 10, 10)
    assert bar.texts[-1] == "9 of 10 answered, 1 failed"


def test_many_requests_make_few_tasks(server: FakeServer, journal: Journal) -> None:
    most = 0

    def rule(seen: Seen) -> Reply:
        nonlocal most
        most = max(most, len(server.chats))
        return Reply(ending="stall")

    server.rule = rule
    summary = run(
        server,
        journal,
        [ChatRequest(system="", user=str(number)) for number in range(20_000)],
        concurrency=5,
        seconds=0.5,
        grace_seconds=0,
    )
    assert most == 5
    assert summary.not_reached == 20_000
