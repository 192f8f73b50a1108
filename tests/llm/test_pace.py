from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable

import pytest

from syneg.errors import InputError
from syneg.llm.pace import Pace
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError
from syneg.llm.quotas import Turn
from virtual_time import run_in_virtual_time

Clock = Callable[[], float]
BUSY = LanguageModelError(FailureKind.RATE_LIMIT, "slow down", status=429)


def answer(tokens: int = 100) -> ChatAnswer:
    return ChatAnswer(
        text="x", finish="stop", prompt_tokens=50, completion_tokens=tokens, seconds=1.0
    )


async def ask_all(
    pace: Pace,
    count: int,
    serve: Callable[[Turn], object],
    *,
    workers: int = 256,
    tokens: float = 150,
) -> None:
    line = iter(range(count))

    async def work() -> None:
        for _ in line:
            while True:
                turn = await pace.begin(tokens)
                result = await serve(turn)  # type: ignore[misc]
                if isinstance(result, LanguageModelError):
                    pace.failed(turn, result)
                    await asyncio.sleep(random.Random(turn.requests_before).uniform(0.5, 1))
                else:
                    pace.answered(turn, answer(), result or {})
                    break

    await asyncio.gather(*(work() for _ in range(workers)))


def test_a_large_server_is_kept_busy() -> None:
    async def run(clock: Clock) -> float:
        pace = Pace(256, clock=clock)
        busy = 0.0

        async def serve(_: Turn) -> None:
            nonlocal busy
            await asyncio.sleep(2)
            busy += 2

        await ask_all(pace, 256 * 6, serve)
        return busy / (256 * clock())

    assert run_in_virtual_time(run) >= 0.95


def test_a_small_server_is_found_out_and_kept_busy() -> None:
    slots = 40

    async def run(clock: Clock) -> tuple[float, int]:
        pace = Pace(256, clock=clock)
        under_way, refused, busy = 0, 0, 0.0

        async def serve(_: Turn) -> object:
            nonlocal under_way, refused, busy
            if under_way >= slots:
                refused += 1
                await asyncio.sleep(0.05)
                return BUSY
            under_way += 1
            await asyncio.sleep(2)
            busy += 2
            under_way -= 1
            return None

        await ask_all(pace, 3000, serve)
        return busy / (slots * clock()), refused

    share, refused = run_in_virtual_time(run)
    assert share > 0.75
    assert refused < 1000


def test_requests_per_minute_are_kept() -> None:
    async def run(clock: Clock) -> list[float]:
        begun: list[float] = []

        async def serve(turn: Turn) -> None:
            begun.append(turn.started)
            await asyncio.sleep(1)

        await ask_all(Pace(64, requests_per_minute=120, clock=clock), 400, serve)
        return begun

    begun = run_in_virtual_time(run)
    for at in begun:
        assert sum(at <= other < at + 60 for other in begun) <= 122
    assert begun[-1] < 200 + 5  # and no slower than they may be


def test_tokens_per_minute_are_kept_by_what_the_server_counts() -> None:
    async def run(clock: Clock) -> float:
        async def serve(_: Turn) -> None:
            await asyncio.sleep(0.5)

        # Each is taken for 600 tokens at first; the server counts 150.
        pace = Pace(8, tokens_per_minute=60_000, clock=clock)
        await ask_all(pace, 2000, serve, tokens=600)
        return clock()

    assert 290 <= run_in_virtual_time(run) <= 320


def test_a_wait_that_the_server_asks_for_holds_for_all() -> None:
    async def run(clock: Clock) -> list[float]:
        pace = Pace(4, clock=clock)
        begun: list[float] = []

        async def serve(turn: Turn) -> object:
            begun.append(turn.started)
            await asyncio.sleep(0.5)
            if len(begun) <= 4:
                return LanguageModelError(
                    FailureKind.RATE_LIMIT, "later", status=429, retry_after=30.0
                )
            return None

        await ask_all(pace, 10, serve, workers=10)
        return begun

    begun = run_in_virtual_time(run)
    assert begun[:4] == [0, 0, 0, 0]
    assert min(begun[4:]) >= 30.5


def test_a_wait_is_obeyed_within_reason() -> None:
    async def run(clock: Clock) -> float:
        pace = Pace(4, longest_hold_seconds=60, clock=clock)
        turn = await pace.begin(1)
        error = LanguageModelError(FailureKind.SERVER, "x", status=503, retry_after=1e6)
        pace.failed(turn, error)
        assert pace.held_seconds == 60
        pace.withdraw(await pace.begin(1))
        return clock()

    assert run_in_virtual_time(run) == pytest.approx(60)


def test_what_the_servers_headers_leave_is_kept() -> None:
    """A server with 60 requests a minute, which says how many are left and refuses more."""

    async def run(clock: Clock) -> int:
        level, at, refused = 10.0, 0.0, 0

        async def serve(_: Turn) -> object:
            nonlocal level, at, refused
            level, at = min(60.0, level + (clock() - at)), clock()
            if level < 1:
                refused += 1
                return BUSY
            level -= 1
            headers = {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": str(int(level)),
                "x-ratelimit-reset-requests": f"{60 - level:.3f}s",
            }
            await asyncio.sleep(0.5)
            return headers

        await ask_all(Pace(32, clock=clock), 300, serve, workers=32)
        return refused

    assert run_in_virtual_time(run) <= 60


def test_first_come_first_served_and_never_too_many() -> None:
    async def run(clock: Clock) -> None:
        pace = Pace(3, clock=clock)
        order: list[int] = []

        async def one(number: int) -> None:
            turn = await pace.begin(1)
            order.append(number)
            assert pace.under_way <= 3
            await asyncio.sleep(random.Random(number).random())
            pace.answered(turn, answer(), {})

        await asyncio.gather(*(one(number) for number in range(50)))
        assert order == list(range(50))
        assert pace.under_way == 0

    run_in_virtual_time(run)


@pytest.mark.parametrize("seed", range(5))
def test_requests_that_are_cancelled_take_no_slot_with_them(seed: int) -> None:
    chance = random.Random(seed)

    async def run(clock: Clock) -> None:
        pace = Pace(2, requests_per_minute=6000, clock=clock)

        async def one() -> None:
            turn = await pace.begin(1)
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                pace.withdraw(turn)
                raise
            pace.answered(turn, answer(), {})

        tasks = [asyncio.create_task(one()) for _ in range(40)]
        for task in tasks:
            await asyncio.sleep(chance.choice([0, 0, 0.05]))
            if chance.random() < 0.5:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert pace.under_way == 0
        assert pace.free_slots == 2

    run_in_virtual_time(run)


def test_a_slot_given_to_a_request_that_is_cancelled_at_once_is_free_again() -> None:
    async def run(clock: Clock) -> None:
        pace = Pace(1, clock=clock)
        turn = await pace.begin(1)
        waiting = asyncio.create_task(pace.begin(1))
        await asyncio.sleep(0)
        pace.answered(turn, answer(), {})  # the slot goes to the one that waits …
        waiting.cancel()  # … which does not want it any more
        await asyncio.gather(waiting, return_exceptions=True)
        assert pace.under_way == 0

    run_in_virtual_time(run)


def test_a_pace_serves_one_event_loop_after_another() -> None:
    pace = Pace(1, requests_per_minute=60_000)

    async def once() -> None:
        turn = await pace.begin(1)
        waiting = asyncio.create_task(pace.begin(1))
        await asyncio.sleep(0)
        pace.answered(turn, answer(), {})
        pace.withdraw(await waiting)

    for _ in range(2):
        asyncio.run(once())

    async def leave_one_waiting() -> None:
        await pace.begin(1)
        left = asyncio.create_task(pace.begin(1))
        await asyncio.sleep(0)
        assert not left.done()

    asyncio.run(leave_one_waiting())
    pace.under_way = 0
    asyncio.run(once())


def test_without_limits_nothing_waits() -> None:
    async def run(clock: Clock) -> None:
        pace = Pace(clock=clock)
        for _ in range(1000):
            await pace.begin(1e6)
        assert (pace.under_way, pace.limit, clock()) == (1000, math.inf, 0)

    run_in_virtual_time(run)


def test_expected_tokens_follow_the_answers() -> None:
    async def run(clock: Clock) -> None:
        pace = Pace(clock=clock)
        request = ChatRequest(system="s" * 200, user="u" * 200, max_tokens=900)
        assert pace.expected_tokens(request) == 1000
        for _ in range(20):
            pace.answered(await pace.begin(1), answer(300), {})
        assert pace.expected_tokens(request) == 400

    run_in_virtual_time(run)


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"requests_per_minute": 0},
        {"tokens_per_minute": -1},
        {"requests_per_minute": math.nan},
        {"tokens_per_minute": math.inf},
    ],
)
def test_limits_that_are_none(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Pace(**options)  # type: ignore[arg-type]
