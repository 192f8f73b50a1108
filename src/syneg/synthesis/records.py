"""From the texts of a call to records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from syneg.llm.protocol import ChatAnswer
from syneg.negatives.record import SYNTHETIC, Negative, negative_identity
from syneg.synthesis.calls import Advanced, Call
from syneg.synthesis.drafts import Draft

_Number = TypeVar("_Number", int, float)

Price = Callable[[ChatAnswer], float | None]
"""Gives the price of an answer in US dollars; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What the answers of a call took.

    Attributes:
        prompt_tokens: Tokens of the requests; None if the server never said.
        completion_tokens: Tokens of the answers; likewise.
        cost: Their price in US dollars; None where it is not known.
    """

    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None

    @classmethod
    def on(
        cls, call: Call, done: Advanced[list[Draft]], answers: Sequence[ChatAnswer], price: Price
    ) -> Spent:
        """Return the sums for a call; what several share counts for the first of them."""
        own = [
            answer
            for ask, answer in zip(done.asks, answers, strict=False)
            if not ask.shared or call.sample == 0
        ]
        return cls(
            _sum([one.prompt_tokens for one in own]),
            _sum([one.completion_tokens for one in own]),
            _sum([price(one) for one in own]),
        )

    def part(self, place: int, count: int) -> Spent:
        """Return the part of one of `count` texts; all parts add up to the whole."""
        return Spent(
            _part(self.prompt_tokens, place, count),
            _part(self.completion_tokens, place, count),
            None if self.cost is None else self.cost / count,
        )


def records_of(
    call: Call,
    done: Advanced[list[Draft]],
    answers: Sequence[ChatAnswer],
    *,
    model_name: str,
    fingerprint: str,
    price: Price | None = None,
) -> list[Negative]:
    """Return a record for each text of a call, also for those that came to nothing.

    Args:
        call: The call.
        done: What came of it.
        answers: The answers to its requests.
        model_name: The model that was asked.
        fingerprint: That of the prompts.
        price: What an answer costs.
    """
    drafts = done.result or []
    spent = Spent.on(call, done, answers, price or (lambda _: None))
    found = []
    for place, draft in enumerate(drafts):
        assert draft.request is not None  # Every text was asked for.
        key = draft.request.key(model_name)
        what = key if len(drafts) == 1 else f"{key}#{place}"
        asked = call.asked[place] if len(call.asked) == len(drafts) else call.asked[0]
        own = spent.part(place, len(drafts))
        # What was drawn is recorded where the prompt showed it.
        drawn = asked.attributes
        found.append(
            Negative(
                negative_id=negative_identity(call.query_id, call.positive_id, SYNTHETIC, what),
                query_id=call.query_id,
                positive_id=call.positive_id,
                source=SYNTHETIC,
                title=draft.title if draft.text is not None else None,
                text=draft.text,
                domain=None if drawn is None else drawn.domain_name,
                level=None if drawn is None else drawn.difficulty_level,
                length=None if drawn is None else drawn.length,
                reasoning=draft.reasoning,
                check=draft.check,
                model=model_name,
                prompt=fingerprint,
                request=key,
                problem=draft.problem,
                prompt_tokens=own.prompt_tokens,
                completion_tokens=own.completion_tokens,
                cost=own.cost,
                difficulty=draft.difficulty,
                requirement=draft.requirement,
                rewritten_from=draft.rewritten_from,
                rounds=draft.rounds,
            )
        )
    return found


def _sum(values: Sequence[_Number | None]) -> _Number | None:
    known = [one for one in values if one is not None]
    return sum(known[1:], start=known[0]) if known else None


def _part(total: int | None, place: int, count: int) -> int | None:
    if total is None:
        return None
    each, rest = divmod(total, count)
    return each + (place < rest)
