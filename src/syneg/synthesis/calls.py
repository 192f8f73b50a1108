"""One call for texts: what it is about, and the requests that it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from syneg.llm.exchange import AnswerStore
from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.synthesis.anchors import Sample
from syneg.synthesis.attributes import Attributes, draw_number
from syneg.synthesis.forms import Reading, Schema
from syneg.synthesis.material import Document
from syneg.synthesis.templates import Messages

T = TypeVar("T")

# Servers take the sampler's seed as a signed number of 32 bits.
_SAMPLER_SEEDS = 2**31
# Asked for the same at 0, most servers would answer the same.
_TEMPERATURE_OF_A_SECOND_TRY = 0.3


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one text.

    Attributes:
        attributes: What was drawn for it; None where the prompt shows none.
        length: Length of the text, in the collection's unit.
        title_length: Length of the title; 0 where none is known.
    """

    attributes: Attributes | None
    length: int
    title_length: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document of the collection that may be rewritten."""

    document_id: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one call for texts is about.

    Attributes:
        query_id: The query.
        positive_id: The positive that the texts are written against.
        sample: Number of the call among those for the same query and positive, from 0.
        seed: Seed of everything that is drawn for it.
        query: Text of the query.
        positive: The positive.
        asked: What is asked of each text.
        samples: Passages that show the style of the collection.
        candidate: A document to rewrite, where there is one.
    """

    query_id: str
    positive_id: str
    sample: int
    seed: int
    query: str
    positive: Document
    asked: tuple[Asked, ...]
    samples: tuple[Sample, ...] = ()
    candidate: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A request on the way to the texts.

    Attributes:
        step: What it is for: "analyse", "write", "verify" or "revise".
        request: The request.
        shared: Whether all calls for the same query and positive ask the very same.
    """

    step: str
    request: ChatRequest
    shared: bool = False


Steps = Generator[Ask, ChatAnswer, T]
"""Work that yields requests, is sent their answers and returns what came of them."""


@dataclass(frozen=True, slots=True)
class Advanced(Generic[T]):
    """How far some steps come with the answers there are.

    Attributes:
        asks: The requests that were answered, in order.
        pending: The next request; None when the work is done.
        result: What came of it, once it is done.
    """

    asks: tuple[Ask, ...]
    pending: Ask | None
    result: T | None


def advance(steps: Steps[T], answers: Sequence[ChatAnswer]) -> Advanced[T]:
    """Go through some steps as far as the answers reach.

    Args:
        steps: The work, not begun yet.
        answers: Answers to its requests, in order; those beyond its end are not looked at.
    """
    asks: list[Ask] = []
    try:
        ask = next(steps)
        for answer in answers:
            asks.append(ask)
            ask = steps.send(answer)
    except StopIteration as done:
        return Advanced(tuple(asks), None, done.value)
    return Advanced(tuple(asks), ask, None)


def advance_from(
    steps: Steps[T], store: AnswerStore, model_name: str
) -> tuple[Advanced[T], list[ChatAnswer]]:
    """Go through some steps as far as stored answers reach, each request made once.

    Args:
        steps: The work, not begun yet.
        store: The stored answers by request key.
        model_name: The model that was asked, part of every key.

    Returns:
        How far it came, and the answers that it took.
    """
    asks: list[Ask] = []
    answers: list[ChatAnswer] = []
    try:
        ask = next(steps)
        while (answer := store.get(ask.request.key(model_name))) is not None:
            asks.append(ask)
            answers.append(answer)
            ask = steps.send(answer)
    except StopIteration as done:
        return Advanced(tuple(asks), None, done.value), answers
    return Advanced(tuple(asks), ask, None), answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How one thing is asked for.

    Attributes:
        step: What it is for.
        messages: The messages.
        schema: Form of the answer.
        temperature: Sampling temperature of the first try.
        max_tokens: Most tokens of the answer.
        tries: Most times that it is asked.
        part: Tells it apart from others of the same call that may have the same messages.
        shared: Whether all calls for the same query and positive ask the very same.
    """

    step: str
    messages: Messages
    schema: Schema
    temperature: float
    max_tokens: int
    tries: int
    part: int = 0
    shared: bool = False

    def request(self, call: Call, attempt: int) -> ChatRequest:
        """Return the request of one try, the same for the same call whatever else is asked."""
        sample = 0 if self.shared else call.sample
        names = call.seed, call.query_id, call.positive_id, sample, self.step, self.part, attempt
        temperature = self.temperature
        if attempt:
            temperature = max(temperature, _TEMPERATURE_OF_A_SECOND_TRY)
        return ChatRequest(
            system=self.messages.system,
            user=self.messages.user,
            schema=self.schema,
            temperature=temperature,
            max_tokens=self.max_tokens,
            seed=draw_number(*names, "sampler") % _SAMPLER_SEEDS,
            sample=sample,
            tag=json.dumps(
                {
                    "query_id": call.query_id,
                    "positive_id": call.positive_id,
                    "sample": sample,
                    "step": self.step,
                    "attempt": attempt,
                }
            ),
        )


@dataclass(frozen=True, slots=True)
class Replied(Generic[T]):
    """What was read of the answers to a question.

    Attributes:
        reading: The first whole reading, or the best of those that are not.
        request: The request whose answer it is.
    """

    reading: Reading[T]
    request: ChatRequest


def ask_until_read(
    call: Call,
    question: Question,
    read: Callable[[ChatAnswer], Reading[T]],
    *,
    worth: Callable[[T], int] = lambda _: 1,
) -> Steps[Replied[T]]:
    """Ask a question, and again where the answer cannot be read and another may.

    Args:
        call: What it is about.
        question: What is asked.
        read: Reads an answer.
        worth: How much a reading that is not whole is worth; the first of the best is taken.

    Returns:
        The reading that was taken.
    """
    best: Replied[T] | None = None
    most = -1
    for attempt in range(question.tries):
        request = question.request(call, attempt)
        reading = read((yield Ask(question.step, request, question.shared)))
        if reading.problem is None:
            return Replied(reading, request)
        found = 0 if reading.value is None else worth(reading.value)
        if found > most:
            best, most = Replied(reading, request), found
        if not reading.mendable:
            break
    assert best is not None  # There is at least one try.
    return best
