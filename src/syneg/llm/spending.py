"""Limits in money and tokens that hold for all processes together."""

from __future__ import annotations

import asyncio
import math

from syneg.llm.journal_writer import JournalWriter
from syneg.llm.prices import CHARACTERS_PER_TOKEN, Limits, Prices, Spent, prompt_characters
from syneg.llm.protocol import ChatAnswer, ChatRequest

# From so many answers on, their means say better what the next one takes than its bounds do.
_ENOUGH_ANSWERS = 20


class Spending:
    """Lets requests begin as long as what they are expected to take stays within the limits.

    A request that begins reserves what it is expected to take: until 20 answers of the task are
    known, its characters divided by 4 and all its `max_tokens`; from then on, the task's mean
    tokens by character and its mean answer. What was spent by all processes, together with all
    reservations of this one, never exceeds a limit when a request begins. So the limit can be
    overshot by no more than the answers under way exceed their reservations, and by what other
    processes had under way at the same time. Replies that are no answers (empty, or a refusal)
    are paid for and count like answers; attempts without a whole reply cannot be counted, for
    nobody says what they took.

    Args:
        limits: The limits.
        prices: What tokens cost; None for nothing.
        writer: Knows what other processes have spent.
    """

    def __init__(self, limits: Limits, prices: Prices | None, writer: JournalWriter) -> None:
        self._prices = prices
        self._writer = writer
        self._most = {"cost": limits.cost, "tokens": limits.tokens}
        self._is_limited = limits.cost is not None or limits.tokens is not None
        # What this process has received, on the disk or on its way there.
        self.own = Spent()
        self._reserved: dict[str, Spent] = {}
        self._all_reserved = Spent()
        self._waiting: set[asyncio.Future[None]] = set()
        self.stopped_by: str | None = None

    @property
    def has_prices(self) -> bool:
        """Whether costs are known."""
        return self._prices is not None

    async def reserve(self, key: str, request: ChatRequest) -> bool:
        """Wait until a request may begin; False when a limit is reached for good.

        Args:
            key: The request's key.
            request: What is to be asked; `settle` must follow.
        """
        if not self._is_limited:
            return True
        while self.stopped_by is None:
            expected = self.expected(request)
            exceeded = self._exceeded_by(expected)
            if exceeded is None:
                self._reserved[key] = expected
                self._all_reserved += expected
                return True
            if not self._reserved:
                self.stopped_by = exceeded
                self._wake()
                break
            # Those under way may take less than they have reserved.
            changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(changed)
            try:
                await changed
            finally:
                self._waiting.discard(changed)
        return False

    async def renew(self, key: str, request: ChatRequest) -> bool:
        """Reserve for another attempt, after a reply that was paid for; see `reserve`."""
        self.settle(key)
        return await self.reserve(key, request)

    def receive(self, request: ChatRequest, answer: ChatAnswer) -> Spent:
        """Count an answer, usable or not, as received, and return what it took."""
        spent = Spent.on(request, answer, self._prices)
        self.own += spent
        return spent

    def settle(self, key: str) -> None:
        """Give a reservation back: the request is answered, counted, or given up."""
        reserved = self._reserved.pop(key, None)
        if reserved is None:
            return
        # Differences of prices leave crumbs behind: with nothing reserved there is nothing.
        self._all_reserved = self._all_reserved - reserved if self._reserved else Spent()
        self._wake()

    def expected(self, request: ChatRequest) -> Spent:
        """Return what a request is expected to take."""
        known = self._writer.spent_by_others + self.own
        characters = prompt_characters(request)
        prompt_tokens = characters / CHARACTERS_PER_TOKEN
        completion_tokens = float(request.max_tokens)
        if known.answers >= _ENOUGH_ANSWERS:
            if known.prompt_characters:
                prompt_tokens = characters * known.prompt_tokens / known.prompt_characters
            completion_tokens = min(completion_tokens, known.completion_tokens / known.answers)
        return Spent(
            prompt_tokens=math.ceil(prompt_tokens),
            completion_tokens=math.ceil(completion_tokens),
            cost=(
                0.0 if self._prices is None else self._prices.cost(prompt_tokens, completion_tokens)
            ),
        )

    def _exceeded_by(self, expected: Spent) -> str | None:
        total = self._writer.spent_by_others + self.own + self._all_reserved + expected
        for name, most in self._most.items():
            # A sum of floating-point prices is not exact; nobody means the last digit.
            if most is not None and getattr(total, name) > most * (1 + 1e-9):
                return name
        return None

    def _wake(self) -> None:
        for changed in self._waiting:
            if not changed.done():
                changed.set_result(None)
