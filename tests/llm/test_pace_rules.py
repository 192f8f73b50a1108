from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.llm.concurrency import AdaptiveConcurrency
from syneg.llm.failures import asked_wait, span_seconds
from syneg.llm.rates import Bucket, ServerLimit

times = st.lists(st.floats(min_value=0, max_value=400), min_size=1, max_size=80).map(sorted)


@given(st.floats(min_value=1, max_value=3000), times, st.floats(min_value=0.1, max_value=50))
def test_no_more_passes_a_bucket_than_its_rate_allows(
    per_minute: float, arrivals: list[float], cost: float
) -> None:
    bucket = Bucket.per_minute(per_minute, now=0.0)
    begun: list[float] = []
    for arrival in arrivals:
        at = max([arrival, *begun[-1:]])
        at += bucket.seconds_until(cost, at)
        bucket.take(cost, at)
        begun.append(at)
    second = max(1.0, per_minute / 60)
    for first, start in enumerate(begun):
        within = sum(cost for at in begun[first:] if at < start + 60)
        assert within <= per_minute + second + cost + 1e-3


@given(
    st.integers(min_value=1, max_value=512),
    st.lists(
        st.tuples(
            st.sampled_from(["answer", "overload", "ask"]),
            st.floats(min_value=0, max_value=5),
            st.floats(min_value=0, max_value=100),
        ),
        max_size=200,
    ),
)
def test_the_limit_stays_between_one_and_the_maximum(
    maximum: int, events: list[tuple[str, float, float]]
) -> None:
    concurrency = AdaptiveConcurrency(maximum)
    now = 0.0
    for event, wait, took in events:
        now += wait
        if event == "answer":
            concurrency.answered(started=now - took, now=now, under_way=concurrency.limit, tokens=7)
        elif event == "overload":
            concurrency.overloaded(started=now - took, now=now)
        else:
            assert concurrency.seconds_until_free(concurrency.limit, now) >= 0
        assert 1 <= concurrency.limit <= maximum


def test_it_doubles_until_the_first_overload_and_then_climbs() -> None:
    concurrency = AdaptiveConcurrency(256)
    now = 0.0
    seen = []
    while concurrency.limit < 256:
        now += concurrency.seconds_until_free(concurrency.limit, now)
        seen.append(concurrency.limit)
    assert now < 0.5
    for started in (0.0, 0.1, 0.2, 0.3):  # one burst
        concurrency.overloaded(started=started, now=1.0)
    assert concurrency.limit == 128
    concurrency.overloaded(started=1.1, now=1.2)  # and another
    assert concurrency.limit == 64
    limits = []
    for number in range(16):
        for _ in range(concurrency.limit):
            begun = 2.0 + number
            concurrency.answered(
                started=begun, now=begun + 1, under_way=concurrency.limit, tokens=100
            )
        limits.append(concurrency.limit)
    assert limits == sorted(limits)
    assert 64 + 7 <= limits[0] <= 64 + 9
    assert limits[-1] >= 180


def test_answers_that_crawl_are_an_overload() -> None:
    concurrency = AdaptiveConcurrency(64)
    for seconds, number in ((3.0, 64), (40.0, 64)):
        for _ in range(number):
            concurrency.answered(started=0.0, now=seconds, under_way=1, tokens=100)
    assert concurrency.limit < 32


def test_longer_answers_are_no_overload() -> None:
    concurrency = AdaptiveConcurrency(64)
    for seconds, tokens in ((1.0, 50), (20.0, 1000)):
        for _ in range(64):
            concurrency.answered(started=0.0, now=seconds, under_way=1, tokens=tokens)
    assert concurrency.limit == 32


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, 0.0),
        ({"x-ratelimit-remaining-tokens": "many"}, 0.0),
        ({"x-ratelimit-remaining-tokens": "nan"}, 0.0),
        ({"x-ratelimit-remaining-tokens": "-5"}, 0.0),
        ({"x-ratelimit-remaining-tokens": "900", "x-ratelimit-limit-tokens": "1000"}, 0.0),
        (
            {
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-limit-tokens": "1000",
                "x-ratelimit-reset-tokens": "10s",
            },
            1.0,
        ),
        # A daily limit that is used up is asked about once in a while.
        (
            {
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-limit-tokens": "1000",
                "x-ratelimit-reset-tokens": "23h59m0s",
            },
            60.0,
        ),
        (
            {
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-limit-tokens": "0",
                "x-ratelimit-reset-tokens": "0s",
            },
            0.0,
        ),
    ],
)
def test_server_limits(headers: dict[str, str], wait: float) -> None:
    limit = ServerLimit("tokens")
    limit.read(headers, begun_since=0.0, now=0.0)
    assert limit.seconds_until(100, 0.0) == pytest.approx(wait)
    assert limit.seconds_until(100, wait) == pytest.approx(0.0)


@given(st.text(max_size=30))
def test_any_header_gives_seconds_or_nothing(value: str) -> None:
    for seconds in (span_seconds(value), asked_wait({"retry-after": value})):
        assert seconds is None or 0 <= seconds < float("inf")
