from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from asking import run
from fake_server import FakeServer, Reply
from syneg.errors import InputError
from syneg.llm.engine import Prices
from syneg.llm.estimate import estimate
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatAnswer, ChatRequest

PRICES = Prices(input_per_million=1.0, output_per_million=10.0)


def requests(count: int, system: str = "s" * 30) -> list[ChatRequest]:
    return [
        ChatRequest(system=system, user=f"{number:010}", max_tokens=100) for number in range(count)
    ]


@dataclass(frozen=True)
class Steps:
    name: str

    def next_request(self, answers: Sequence[ChatAnswer], /) -> ChatRequest | None:
        if len(answers) == 3:
            return None
        return ChatRequest(system="t" * 30, user=f"{self.name}{len(answers):9}", max_tokens=100)


class CountedSteps(Steps):
    @property
    def requests_expected(self) -> int:
        return 3


def test_with_an_empty_journal_everything_is_guessed_and_said_so(journal: Journal) -> None:
    found = estimate(requests(20), "fake", journal, prices=PRICES)
    assert (found.items, found.requests, found.answered) == (20, 20, 0)
    assert (found.prompt_tokens, found.completion_tokens) == (200, 1000)
    assert found.most_completion_tokens == 2000
    assert found.cost == pytest.approx((200 + 10 * 1000) / 1e6)
    assert found.most_cost == pytest.approx((200 + 10 * 2000) / 1e6)
    assert found.seconds is None
    said = " ".join(found.guesses)
    assert "4 characters" in said
    assert "half of max_tokens" in said
    assert "how long an answer takes" in said
    assert estimate(requests(20), "fake", journal).cost is None


def test_the_servers_own_figures_are_taken(server: FakeServer, journal: Journal) -> None:
    # The fake server counts 10 tokens for 40 characters, and 5 for each answer.
    run(server, journal, requests(10))
    found = estimate(requests(30), "fake", journal, prices=PRICES, concurrency=4)
    assert (found.items, found.answered, found.requests) == (30, 10, 20)
    assert (found.prompt_tokens, found.completion_tokens) == (200, 100)
    assert found.most_completion_tokens == 2000
    assert found.guesses == ()
    mean = journal.figures("fake").seconds
    assert mean is not None
    assert found.seconds == pytest.approx(20 * mean / 4)
    # Another prompt, another model: nothing is known of those.
    other = estimate(requests(3, system="another"), "fake", journal)
    assert len(other.guesses) == 2
    assert len(estimate(requests(3), "another model", journal).guesses) == 3
    done = estimate(requests(10), "fake", journal, prices=PRICES)
    assert (done.requests, done.cost, done.guesses) == (0, 0, ())


def test_what_failed_for_good_is_not_counted(server: FakeServer, journal: Journal) -> None:
    server.faults.extend([Reply(status=400), Reply(status=503)])
    run(server, journal, requests(2), concurrency=1, attempts=1)
    found = estimate(requests(5), "fake", journal)
    assert (found.failed_before, found.requests) == (1, 4)
    assert estimate(requests(5), "fake", journal, retry_failed=True).requests == 5


def test_exchanges(server: FakeServer, journal: Journal) -> None:
    work: list[Any] = [CountedSteps("a"), CountedSteps("b"), Steps("c"), *requests(2), *requests(2)]
    found = estimate(iter(work), "fake", journal)
    assert (found.items, found.requests) == (5, 3 + 3 + 1 + 2)
    said = " ".join(found.guesses)
    assert "4 requests depend on answers" in said
    assert "1 items take an unknown number" in said
    first = CountedSteps("a").next_request(())
    assert first is not None
    run(server, journal, [first, CountedSteps("b")])
    found = estimate(work, "fake", journal)
    assert (found.items, found.answered, found.requests) == (5, 1, 2 + 1 + 2)


def test_a_sample_stands_for_the_whole(journal: Journal) -> None:
    found = estimate(requests(1000), "fake", journal, sample=50)
    assert (found.items, found.items_read, found.requests) == (1000, 50, 1000)
    assert found.prompt_tokens == 10_000
    assert any("50 items were looked at" in guess for guess in found.guesses)
    read = 0

    def work() -> Iterator[ChatRequest]:
        nonlocal read
        for request in requests(1000):
            read += 1
            yield request

    assert estimate(work(), "fake", journal, sample=50, total=1000).requests == 1000
    assert read <= 981  # evenly spaced, and nothing is read behind the last
    with pytest.raises(InputError, match="unknown length"):
        estimate(work(), "fake", journal, sample=50)
    with pytest.raises(InputError, match="sample"):
        estimate(requests(5), "fake", journal, sample=0)


def test_a_sample_is_not_the_answered_beginning(server: FakeServer, journal: Journal) -> None:
    work = [ChatRequest(system="s", user=f"request {number:04}") for number in range(1000)]
    run(server, journal, work[:200], concurrency=4)
    for some in (work, iter(work)):
        found = estimate(some, "fake", journal, prices=PRICES, sample=100, total=1000)
        assert (found.items, found.items_read) == (1000, 100)
        assert (found.answered, found.requests) == (200, 800)
        assert found.cost is not None and found.cost > 0


def test_limits_per_minute_make_it_longer(server: FakeServer, journal: Journal) -> None:
    run(server, journal, requests(20), concurrency=4)
    work = requests(140)  # 120 to be asked, 10 + 5 tokens each
    plain = estimate(work, "fake", journal, concurrency=4).seconds
    assert plain is not None and plain < 60
    slow = estimate(work, "fake", journal, concurrency=4, requests_per_minute=60)
    assert slow.seconds == pytest.approx(120)
    slow = estimate(work, "fake", journal, requests_per_minute=60, tokens_per_minute=300)
    assert slow.seconds == pytest.approx(6 * 60, rel=0.05)
    fast = estimate(work, "fake", journal, concurrency=4, requests_per_minute=1e9)
    assert fast.seconds == plain


def test_no_work(journal: Journal) -> None:
    found = estimate([], "fake", journal, prices=PRICES, sample=10)
    assert (found.items, found.requests, found.cost, found.guesses) == (0, 0, 0, ())
    assert found.as_dict()["guesses"] == []
