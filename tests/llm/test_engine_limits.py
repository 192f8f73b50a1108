from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from asking import requests, run
from fake_server import FakeServer, Reply, Seen, completion
from syneg.errors import InputError
from syneg.llm.engine import Limits, Prices
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest

# The fake server counts 10 tokens for a request and 5 for an answer: here 0.02 dollars.
PRICES = Prices(input_per_million=1000, output_per_million=2000)
COST = 0.02


def small(count: int) -> list[ChatRequest]:
    return [
        ChatRequest(system="s", user=f"request number {number:20}", max_tokens=50)
        for number in range(count)
    ]


def test_costs_are_counted_and_kept(server: FakeServer, journal: Journal) -> None:
    summary = run(server, journal, small(30), prices=PRICES)
    assert summary.cost == pytest.approx(30 * COST)
    assert journal.totals().cost == pytest.approx(30 * COST)
    assert journal.spent("synthesize").cost == pytest.approx(30 * COST)
    assert summary.as_dict()["cost"] == 0.6
    again = run(server, journal, small(30), prices=PRICES)
    assert (again.cost, again.answered_before) == (0, 30)
    assert run(server, journal, small(31)).cost is None


@pytest.mark.parametrize("limits", [Limits(cost=2.0), Limits(tokens=1500)])
def test_a_limit_stops_cleanly_and_for_all_processes(
    tmp_path: Path, server: FakeServer, limits: Limits
) -> None:
    server.rule = lambda seen: Reply(body=completion("x"), delay=0.01)
    name = "cost" if limits.cost else "tokens"
    with Journal(tmp_path / "journal.sqlite") as journal:
        summary = run(server, journal, small(1000), limits=limits, prices=PRICES, concurrency=8)
        # 100 answers spend the limit exactly; what is expected is what comes, so none is over.
        assert 98 <= summary.answered_now <= 100
        assert (summary.stopped_by, summary.stopped_by_budget) == (name, True)
        assert summary.not_reached == 1000 - summary.answered_now
        assert not summary.failed
        assert len(server.chats) == summary.answered_now
    with Journal(tmp_path / "journal.sqlite") as journal:
        asked = len(server.chats)
        again = run(server, journal, small(1000), limits=limits, prices=PRICES)
        assert (again.stopped_by, again.answered_before) == (name, asked)
        assert asked <= len(server.chats) <= 100
        # What is answered already costs nothing, and another task has limits of its own.
        done = run(server, journal, small(asked), limits=limits, prices=PRICES)
        assert (done.stopped_by, done.not_reached) == (None, 0)
        other = run(server, journal, small(1000), limits=limits, prices=PRICES, task_name="judge")
        assert other.answered_now > 90


def test_until_enough_is_known_each_request_reserves_the_most_it_may_take(
    server: FakeServer, journal: Journal
) -> None:
    # Each request may take 50 tokens of answer: 0.1 dollars and its prompt.
    server.rule = lambda seen: Reply(body=completion("x"), delay=0.05)
    run(server, journal, small(10), limits=Limits(cost=0.35), prices=PRICES, concurrency=10)
    assert server.most_at_once <= 3
    # A request that alone may exceed the limit is not begun.
    with Journal(journal.path.with_name("other.sqlite")) as other:
        summary = run(server, other, small(10), limits=Limits(cost=0.05), prices=PRICES)
        assert (summary.answered_now, summary.stopped_by) == (0, "cost")


def test_answers_longer_than_expected_overshoot_by_what_is_under_way(
    server: FakeServer, journal: Journal
) -> None:
    lock, number = threading.Lock(), 0

    def rule(seen: Seen) -> Reply:
        nonlocal number
        with lock:
            number += 1
            tokens = 5 if number <= 40 else 50
        body: dict[str, Any] = completion("x")
        body["usage"]["completion_tokens"] = tokens
        return Reply(body=body, delay=0.01)

    server.rule = rule
    limit = 1.5
    summary = run(
        server, journal, small(1000), limits=Limits(cost=limit), prices=PRICES, concurrency=6
    )
    assert summary.stopped_by == "cost"
    assert summary.cost is not None
    assert limit - 0.12 < summary.cost <= limit + 6 * 50 * 0.002


def test_a_server_that_does_not_count_is_counted_for(server: FakeServer, journal: Journal) -> None:
    body = completion("x" * 40)
    del body["usage"]
    server.rule = lambda seen: Reply(body=body)
    summary = run(server, journal, small(500), limits=Limits(tokens=1000), concurrency=2)
    # 36 characters of a request and 40 of an answer: 19 or 20 tokens each time.
    assert summary.stopped_by == "tokens"
    assert 48 <= summary.answered_now <= 53
    assert summary.completion_tokens == 0


@pytest.mark.parametrize(
    ("text", "finish"),
    [("", "length"), ("", "stop"), ("I cannot help with that.", "stop"), ("x", "content_filter")],
)
def test_replies_that_are_no_answers_are_paid_for_and_stop_at_the_limit(
    server: FakeServer, journal: Journal, text: str, finish: str
) -> None:
    server.rule = lambda seen: Reply(body=completion(text, finish))
    asked = [
        ChatRequest(system="s", user=str(number), max_tokens=5, schema={"type": "object"})
        for number in range(400)
    ]
    limits = Limits(cost=1.0)
    summary = run(server, journal, asked, limits=limits, prices=PRICES, concurrency=4)
    assert summary.stopped_by == "cost"
    assert summary.cost == pytest.approx(len(server.chats) * COST)
    assert 48 <= len(server.chats) <= 50
    assert journal.spent("synthesize").cost == pytest.approx(summary.cost)
    assert (summary.requests, summary.answered_now, journal.totals().answers) == (0, 0, 0)
    again = run(server, journal, asked, limits=limits, prices=PRICES, concurrency=4)
    assert again.stopped_by == "cost"
    assert len(server.chats) <= 50


def test_the_smaller_of_two_time_limits_holds(server: FakeServer, journal: Journal) -> None:
    server.rule = lambda seen: Reply(body=completion("x"), delay=0.05)
    summary = run(server, journal, requests(500), seconds=60, limits=Limits(seconds=0.4))
    assert summary.stopped_by == "seconds"
    assert summary.seconds < 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: Limits(cost=0),
        lambda: Limits(tokens=-1),
        lambda: Limits(seconds=float("nan")),
        lambda: Prices(input_per_million=-1, output_per_million=0),
        lambda: Prices(input_per_million=0, output_per_million=float("inf")),
    ],
)
def test_limits_and_prices_out_of_range(make: Any) -> None:
    with pytest.raises(InputError):
        make()


def test_a_limit_of_cost_needs_prices(server: FakeServer, journal: Journal) -> None:
    with pytest.raises(InputError, match="needs prices"):
        run(server, journal, requests(1), limits=Limits(cost=1))


WORKING = """
import sys
from pathlib import Path
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.engine import Limits, answer_all
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest

work = [ChatRequest(system="s", user=f"{sys.argv[3]} {number}", max_tokens=5)
        for number in range(1000)]
with Journal(Path(sys.argv[1])) as journal:
    answer_all(work, OpenAICompatibleModel(sys.argv[2], "fake"), journal, concurrency=4,
               limits=Limits(tokens=3000))
"""


def test_several_processes_share_a_limit(tmp_path: Path, server: FakeServer) -> None:
    server.rule = lambda seen: Reply(body=completion("x"), delay=0.03)
    path = tmp_path / "journal.sqlite"
    processes = [
        subprocess.Popen([sys.executable, "-c", WORKING, path, server.url, str(number)])
        for number in range(2)
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    with Journal(path) as journal:
        spent = journal.spent("synthesize")
        assert spent.answers == len(server.chats) == journal.totals().answers
    # Each may have had four under way that the other did not know of, and some on their way
    # to the disk.
    assert 3000 - 2 * 15 <= spent.tokens <= 3000 + 2 * 4 * 2 * 15
