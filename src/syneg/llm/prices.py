"""What tokens cost, and how much of money, tokens and time may be spent."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Self

from syneg.errors import InputError
from syneg.llm.protocol import ChatAnswer, ChatRequest

# A usual figure for English text, where the server has not told its own.
CHARACTERS_PER_TOKEN = 4.0
_MILLION = 1_000_000
_MOST_TOKENS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a model's tokens cost, in US dollars.

    Attributes:
        input_per_million: Dollars for a million tokens of requests, from 0.
        output_per_million: Dollars for a million tokens of answers, from 0.

    Raises:
        InputError: A price is below 0 or no finite number.

    Example:
        >>> Prices(input_per_million=0.5, output_per_million=2.0).cost(1_000_000, 500_000)
        1.5
    """

    input_per_million: float
    output_per_million: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(
                    "a price is not a number of dollars from 0", field=field.name, value=value
                )

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Return the price of a number of tokens, in US dollars."""
        return (
            prompt_tokens * self.input_per_million + completion_tokens * self.output_per_million
        ) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a task may spend, summed over all processes that ever worked on it.

    Attributes:
        cost: US dollars, above 0; None for no limit.
        tokens: Tokens of requests and answers together, above 0; None for no limit.
        seconds: Seconds, above 0; None for no limit.

    Raises:
        InputError: A limit is not above 0.

    Example:
        >>> Limits(cost=2.5).tokens is None
        True
    """

    cost: float | None = None
    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise InputError("a limit is not above 0", field=field.name, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was spent on a task.

    Attributes:
        seconds: Seconds of work, summed over processes.
        answers: Answers received, also those that another process stored first, and replies
            that were no answers but paid for like them.
        prompt_characters: Characters of their requests.
        prompt_tokens: Tokens of their requests; 4 characters count as one where the server
            did not say.
        completion_tokens: Tokens of the answers, likewise.
        cost: US dollars; 0 where no prices were given.
    """

    seconds: float = 0.0
    answers: int = 0
    prompt_characters: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens of requests and answers together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Self) -> Spent:
        return Spent(
            seconds=self.seconds + other.seconds,
            answers=self.answers + other.answers,
            prompt_characters=self.prompt_characters + other.prompt_characters,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost=self.cost + other.cost,
        )

    def __sub__(self, other: Self) -> Spent:
        return Spent(
            seconds=self.seconds - other.seconds,
            answers=self.answers - other.answers,
            prompt_characters=self.prompt_characters - other.prompt_characters,
            prompt_tokens=self.prompt_tokens - other.prompt_tokens,
            completion_tokens=self.completion_tokens - other.completion_tokens,
            cost=self.cost - other.cost,
        )

    @classmethod
    def on(cls, request: ChatRequest, answer: ChatAnswer, prices: Prices | None) -> Spent:
        """Return what one answer takes.

        Args:
            request: What was asked.
            answer: What was answered.
            prices: What tokens cost; None for nothing.

        Example:
            >>> request = ChatRequest(system="12345678", user="1234")
            >>> answer = ChatAnswer(text="yes", finish="stop", prompt_tokens=None,
            ...                     completion_tokens=2, seconds=0.1)
            >>> Spent.on(request, answer, None).tokens
            5
        """
        characters = prompt_characters(request)
        prompt_tokens = _counted(answer.prompt_tokens, characters)
        completion_tokens = _counted(answer.completion_tokens, len(answer.text))
        cost = 0.0 if prices is None else prices.cost(prompt_tokens, completion_tokens)
        return cls(
            answers=1,
            prompt_characters=characters,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost=cost,
        )


SPENT_NAMES = tuple(field.name for field in fields(Spent))


def prompt_characters(request: ChatRequest) -> int:
    """Return how many characters the messages of a request have."""
    return len(request.system) + len(request.user)


def believable(tokens: int | None) -> int | None:
    """Return a server's count of tokens, or None for one that no request can have.

    Example:
        >>> believable(12), believable(-1), believable(10**30)
        (12, None, None)
    """
    return tokens if tokens is not None and 0 <= tokens <= _MOST_TOKENS else None


def _counted(tokens: int | None, characters: int) -> int:
    told = believable(tokens)
    return math.ceil(characters / CHARACTERS_PER_TOKEN) if told is None else told
