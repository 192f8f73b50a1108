"""What work will take, said before anything is spent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from syneg.errors import InputError
from syneg.llm.estimate_counts import Counts, PromptCounts, count_work
from syneg.llm.journal import Journal
from syneg.llm.prices import CHARACTERS_PER_TOKEN, Prices
from syneg.llm.work_line import Work

_EXPECTED_SHARE = 0.5
_MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What work will take, as far as can be known before it is begun.

    Attributes:
        items: How many different items there are.
        items_read: How many of them were looked at; the rest is taken to be like them.
        answered: Items whose answers are in the journal: they cost nothing.
        failed_before: Items that failed for good before, which are not asked again.
        requests: Requests still to be asked, with those expected to follow others.
        prompt_tokens: Tokens of these requests.
        completion_tokens: Tokens of their answers, as expected.
        most_completion_tokens: Tokens of their answers if each is as long as it may be.
        cost: The price in US dollars, as expected; None without prices.
        most_cost: The price if each answer is as long as it may be; None without prices.
        seconds: The time it takes; None while the journal has no answer of this model.
        guesses: What was guessed and how, a sentence each; none where nothing was.
    """

    items: int
    items_read: int
    answered: int
    failed_before: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    most_completion_tokens: int
    cost: float | None
    most_cost: float | None
    seconds: float | None
    guesses: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the estimate as JSON takes it."""
        return {**asdict(self), "guesses": list(self.guesses)}


def estimate(
    work: Iterable[Work],
    model_name: str,
    journal: Journal,
    *,
    prices: Prices | None = None,
    concurrency: int = 8,
    total: int | None = None,
    sample: int | None = None,
    retry_failed: bool = False,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
) -> Estimate:
    """Say what work will take, without asking anything.

    Tokens come from the server's own counts of earlier answers to the same system message by
    the same model, where the journal has any. Otherwise 4 characters are taken for a token of a
    request, and half of `max_tokens` for an answer; `guesses` says so.

    Args:
        work: What is to be asked, as for `answer_all`.
        model_name: The model that is to be asked.
        journal: The answers that are there already.
        prices: What tokens cost; None if nobody knows.
        concurrency: How many requests will be under way at once, from 1.
        total: How many items `work` has; None takes its length if it has one.
        sample: Most items to look at, from 1: evenly spaced ones, because what is answered
            already is as a rule the beginning. None for all.
        retry_failed: Whether what failed for good before is to be asked again.
        requests_per_minute: Most requests begun in a minute at all servers together; None
            for no limit.
        tokens_per_minute: Most tokens in a minute, likewise.

    Returns:
        The estimate.

    Raises:
        InputError: An argument is out of range, or a sample of work of unknown length is asked
            for.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from syneg.llm.protocol import ChatRequest
        >>> work = [ChatRequest(system="x" * 300, user="y" * 100, max_tokens=50)] * 2
        >>> with Journal(Path(tempfile.mkdtemp()) / "journal.sqlite") as journal:
        ...     found = estimate(work, "m", journal, prices=Prices(
        ...         input_per_million=10_000, output_per_million=10_000))
        >>> found.items, found.prompt_tokens, found.completion_tokens, found.most_cost
        (1, 100, 25, 1.5)
    """
    for name, value in (("concurrency", concurrency), ("sample", sample)):
        if value is not None and value < 1:
            raise InputError("is not a whole number from 1", field=name, value=value)
    if total is None and isinstance(work, Sized):
        total = len(work)
    if sample is not None and total is None:
        raise InputError(
            "a sample of work of unknown length tells nothing of the whole",
            field="sample",
            value=sample,
            remedy="give its total, or leave the sample away",
        )
    counts = count_work(_sampled(work, sample, total), model_name, journal, retry_failed)
    scale = 1.0
    if sample is not None and total is not None and 0 < counts.read < total:
        scale = total / counts.read
    found = _scaled(counts, scale, model_name, journal, prices, concurrency)
    if found.seconds is None:
        return found
    least = max(
        0.0 if requests_per_minute is None else found.requests / requests_per_minute,
        0.0
        if tokens_per_minute is None
        else (found.prompt_tokens + found.completion_tokens) / tokens_per_minute,
    )
    return replace(found, seconds=max(found.seconds, _MINUTE * least))


def _sampled(work: Iterable[Work], sample: int | None, total: int | None) -> Iterable[Work]:
    if sample is None:
        return work
    if isinstance(work, Sequence) and len(work) > sample:
        return (work[len(work) * place // sample] for place in range(sample))
    if total is None or total <= sample:
        return islice(work, sample)
    return _evenly_spaced(work, sample, total)


def _evenly_spaced(work: Iterable[Work], sample: int, total: int) -> Iterator[Work]:
    taken = 0
    for place, one in enumerate(work):
        if place == total * taken // sample:
            yield one
            taken += 1
        if taken == sample:
            return


def _scaled(
    counts: Counts,
    scale: float,
    model_name: str,
    journal: Journal,
    prices: Prices | None,
    concurrency: int,
) -> Estimate:
    tokens = [_tokens(group, journal, model_name) for group in counts.groups.values()]
    prompt_tokens = math.ceil(scale * sum(one.prompt for one in tokens))
    completion_tokens = math.ceil(scale * sum(one.completion for one in tokens))
    most = math.ceil(scale * sum(group.max_tokens for group in counts.groups.values()))
    requests = round(scale * sum(group.requests for group in counts.groups.values()))
    figures = journal.figures(model_name)
    seconds = None
    if figures.seconds is not None:
        seconds = requests * figures.seconds / max(1, min(concurrency, requests))
    return Estimate(
        items=round(scale * counts.items),
        items_read=counts.items,
        answered=round(scale * counts.answered),
        failed_before=round(scale * counts.failed),
        requests=requests,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        most_completion_tokens=most,
        cost=None if prices is None else prices.cost(prompt_tokens, completion_tokens),
        most_cost=None if prices is None else prices.cost(prompt_tokens, most),
        seconds=seconds,
        guesses=tuple(_guesses(counts, scale, tokens, seconds)),
    )


@dataclass(frozen=True, slots=True)
class _Tokens:
    prompt: float
    completion: float
    prompt_is_guessed: bool
    completion_is_guessed: bool


def _tokens(group: PromptCounts, journal: Journal, model_name: str) -> _Tokens:
    figures = journal.figures(model_name, group.system)
    by_character = figures.tokens_per_character
    completion = _EXPECTED_SHARE * group.max_tokens
    if figures.completion_tokens is not None:
        completion = min(group.max_tokens, group.requests * figures.completion_tokens)
    return _Tokens(
        group.characters * (by_character or 1 / CHARACTERS_PER_TOKEN),
        completion,
        by_character is None,
        figures.completion_tokens is None,
    )


def _guesses(
    counts: Counts, scale: float, tokens: Sequence[_Tokens], seconds: float | None
) -> list[str]:
    guesses = []
    if scale > 1:
        guesses.append(f"{counts.items} items were looked at; the others are taken to be like them")
    if any(one.prompt_is_guessed for one in tokens):
        guesses.append(
            "how the server counts the tokens of these requests is not known yet:"
            f" {CHARACTERS_PER_TOKEN:g} characters are taken for one"
        )
    if any(one.completion_is_guessed for one in tokens):
        guesses.append(
            "how long the answers will be is not known yet: half of max_tokens is taken for each"
        )
    if counts.following:
        guesses.append(
            f"{round(scale * counts.following)} requests depend on answers that are not there"
            " yet: each is taken to be like the one before it"
        )
    if counts.unknown_exchanges:
        guesses.append(
            f"{round(scale * counts.unknown_exchanges)} items take an unknown number of"
            " requests: only the next one of each is counted"
        )
    if counts.groups and seconds is None:
        guesses.append("how long an answer takes is not known yet")
    return guesses
