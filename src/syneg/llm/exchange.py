"""Work of several requests, where a later one depends on earlier answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from syneg.llm.protocol import ChatAnswer, ChatRequest


@runtime_checkable
class Exchange(Protocol):
    """One item of work: as many requests as it takes, each asked once the one before is answered.

    An exchange is a pure function of the answers, so that a run that is stopped between two of
    its requests goes on where it was: the answers are in the journal, and asking the exchange
    again with them yields the same next request.
    """

    def next_request(self, answers: Sequence[ChatAnswer], /) -> ChatRequest | None:
        """Return what to ask next, or None when the work is done.

        Args:
            answers: The answers to the requests so far, in order; none to begin with.

        Returns:
            The next request; the same for the same answers, whenever it is asked for. It must
            differ from all requests of other exchanges, and from its own earlier ones.
        """
        ...  # pragma: no cover


@runtime_checkable
class SaysHowMany(Protocol):
    """An exchange that knows beforehand about how many requests it will take.

    What comes after an answer cannot be known before it; an estimate of the price takes this
    number where an exchange has one, and otherwise counts the next request alone.
    """

    @property
    def requests_expected(self) -> int:
        """How many requests the whole exchange takes as a rule, from 1."""
        ...  # pragma: no cover


class AnswerStore(Protocol):
    """Where answers are kept by request; the journal is one."""

    def get(self, key: str, /) -> ChatAnswer | None:
        """Return the stored answer of a request, or None."""
        ...  # pragma: no cover


@dataclass(frozen=True, slots=True)
class SingleRequest:
    """An exchange of one request.

    Example:
        >>> once = SingleRequest(ChatRequest(system="s", user="u"))
        >>> once.next_request([]) is once.request
        True
    """

    request: ChatRequest

    def next_request(self, answers: Sequence[ChatAnswer], /) -> ChatRequest | None:
        """Return the request until it is answered."""
        return None if answers else self.request


@dataclass(frozen=True, slots=True)
class Record:
    """What an exchange came to, as far as the journal knows it.

    Attributes:
        requests: The requests that have an answer, in order.
        answers: Their answers.
        pending: The request that has no answer yet; None when the exchange is done.
    """

    requests: tuple[ChatRequest, ...]
    answers: tuple[ChatAnswer, ...]
    pending: ChatRequest | None

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask."""
        return self.pending is None


def replay(exchange: Exchange, answers: AnswerStore, model_name: str) -> Record:
    """Return what became of an exchange, from stored answers alone.

    Args:
        exchange: The work.
        answers: The stored answers, for example a `Journal`.
        model_name: The model that was asked, part of every request's identity.

    Example:
        >>> class Nothing:
        ...     def get(self, key):
        ...         return None
        >>> request = ChatRequest(system="s", user="u")
        >>> replay(SingleRequest(request), Nothing(), "m").pending is request
        True
    """
    requests: list[ChatRequest] = []
    found: list[ChatAnswer] = []
    while (request := exchange.next_request(found)) is not None:
        answer = answers.get(request.key(model_name))
        if answer is None:
            return Record(tuple(requests), tuple(found), request)
        requests.append(request)
        found.append(answer)
    return Record(tuple(requests), tuple(found), None)
