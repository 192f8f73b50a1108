"""A language model of known habits, and running a writer against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from syneg.datasets.dataset import RetrievalDataset
from syneg.llm.exchange import Exchange
from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.synthesis.options import SynthesisOptions
from syneg.synthesis.profile import load_profile
from syneg.synthesis.writer import Writer

Author = Callable[[ChatRequest], str | ChatAnswer]
MODEL = "model"


def said(text: str, finish: str = "stop") -> ChatAnswer:
    return ChatAnswer(text=text, finish=finish, prompt_tokens=10, completion_tokens=7, seconds=0.1)


def step(request: ChatRequest) -> str:
    found: str = json.loads(request.tag)["step"]
    return found


def fill(schema: Any, name: str = "", number: str = "") -> Any:
    """Fill a form with texts that tell where they stand; judgements pass."""
    if schema["type"] == "object":
        return {key: fill(inner, key, number) for key, inner in schema["properties"].items()}
    if schema["type"] == "array":
        return [
            fill(schema["items"], name, f"{number} {place}") for place in range(schema["minItems"])
        ]
    if "enum" in schema:
        return schema["enum"][0]
    if name == "check":
        return "pass: it is"
    return f"some {name}{number}"


def obedient(request: ChatRequest) -> str:
    return json.dumps(fill(request.schema))


def run(
    exchanges: Sequence[Exchange] | Any, author: Author = obedient
) -> tuple[dict[str, ChatAnswer], list[ChatRequest]]:
    """Answer all that is asked; return the answers by key and the requests in order."""
    answers: dict[str, ChatAnswer] = {}
    asked: list[ChatRequest] = []
    for exchange in exchanges:
        so_far: list[ChatAnswer] = []
        while (request := exchange.next_request(so_far)) is not None:
            key = request.key(MODEL)
            if key not in answers:
                found = author(request)
                answers[key] = found if isinstance(found, ChatAnswer) else said(found)
                asked.append(request)
            so_far.append(answers[key])
    return answers, asked


def writer(
    data: RetrievalDataset,
    *,
    profile: str = "generic",
    seed: int = 0,
    mined: Any = None,
    **options: Any,
) -> Writer:
    chosen = SynthesisOptions.model_validate(options)
    return Writer(data, "train", chosen, load_profile(profile), seed=seed, mined=mined)


def rows(chosen: Writer, author: Author = obedient) -> list[dict[str, Any]]:
    """Run a writer against an author and return its records."""
    answers, _ = run(chosen.exchanges(), author)
    found: list[dict[str, Any]] = chosen.records(answers, MODEL).to_pylist()
    return found


def many(count: int, *, corpus: int = 1, first: int = 0) -> RetrievalDataset:
    return RetrievalDataset.from_rows(
        "many",
        corpus=[(f"d{number}", "", f"A text about number {number}.") for number in range(corpus)],
        queries=[(f"q{number}", f"query {number}") for number in range(first, count)],
        qrels={
            "train": [(f"q{number}", f"d{number % corpus}", 1) for number in range(first, count)]
        },
    )
