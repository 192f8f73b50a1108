"""A profile proposed by a language model, for a person to edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import yaml

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.seeding import generator_for
from syneg.synthesis.attributes import draw_number
from syneg.synthesis.forms import (
    Reading,
    described,
    list_form,
    object_form,
    read_object,
    string_at,
    strings_at,
)
from syneg.synthesis.material import as_data
from syneg.synthesis.pairs import first_pairs
from syneg.synthesis.profile import Profile, parse_profile
from syneg.synthesis.templates import render
from syneg.synthesis.text import tidy

_SHOWN_WORDS = 120
_MAX_TOKENS = 1536
_TEMPERATURE = 0.3
_SAMPLER_SEEDS = 2**31
_PHRASE: dict[str, Any] = {"type": "string", "maxLength": 100}
_TEXT: dict[str, Any] = {"type": "string", "maxLength": 400}
_SCHEMA = object_form(
    {
        "domain_name": list_form(_PHRASE, 6, 10),
        "difficulty_level": list_form(_PHRASE, 2, 3),
        "style": _TEXT,
        "relevance": _TEXT,
        "answer": _TEXT,
    }
)
_COMMENTS = {
    "domain_name": "Fields of expertise: one is drawn for each text as the author's. They should "
    "cover the collection evenly; take out what is not in it.",
    "difficulty_level": "For whom a text is written, one drawn for each.",
    "length": 'Words that stand before "the positive document", with the length as a multiple.',
    "style": "How documents of the collection read, in one line.",
    "relevance": "When a document is relevant to a query. Check this first: a wrong definition "
    "makes relevant texts into negatives.",
    "answer": "What no negative may hold, right or wrong.",
}


@dataclass(frozen=True, slots=True)
class ProfileSuggestion:
    """An exchange that has a model propose a profile from sampled documents and queries.

    It asks again where an answer cannot be read.

    Attributes:
        name: The data set's name.
        requests: The tries, in order.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d", "", "Air scatters blue light.")],
        ...     queries=[("q", "why is the sky blue")], qrels={"train": [("q", "d", 1)]})
        >>> suggestion = suggest_profile(data)
        >>> suggestion.next_request([]) is suggestion.requests[0]
        True
    """

    name: str
    requests: tuple[ChatRequest, ...]

    @property
    def requests_expected(self) -> int:
        """Most requests that it takes, second tries left out."""
        return 1

    def next_request(self, answers: Sequence[ChatAnswer], /) -> ChatRequest | None:
        """Return the next try until an answer can be read or there is none left."""
        if any(_read(one).problem is None for one in answers[: len(self.requests)]):
            return None
        return self.requests[len(answers)] if len(answers) < len(self.requests) else None

    def text(self, answers: Sequence[ChatAnswer]) -> str:
        """Return the proposed profile as YAML with comments.

        Raises:
            InputError: No answer could be read.

        Example:
            >>> import json
            >>> answer = json.dumps({"domain_name": ["Optics", "Weather"],
            ...     "difficulty_level": ["School"], "style": "short facts",
            ...     "relevance": "says why", "answer": "a cause"})
            >>> said = ChatAnswer(text=answer, finish="stop", prompt_tokens=None,
            ...                   completion_tokens=None, seconds=0.1)
            >>> suggestion = ProfileSuggestion("tiny", ())
            >>> parse_profile(suggestion.text([said]), "tiny.yaml").domain_name
            ('Optics', 'Weather')
        """
        problem = "nothing was answered"
        for answer in answers:
            reading = _read(answer)
            if reading.value is not None:
                return _as_yaml(self.name, reading.value)
            problem = reading.problem or problem
        raise InputError(
            f"no profile could be read from the model's answer: {problem}",
            remedy="ask a larger model, or copy the profile 'generic' and edit it",
        )


def suggest_profile(
    dataset: RetrievalDataset,
    split: str = "train",
    *,
    documents: int = 8,
    queries: int = 8,
    seed: int = 0,
    tries: int = 2,
) -> ProfileSuggestion:
    """Return the exchange that has a model propose a profile for a data set.

    It is shown queries of the split, each with its first positive, and further documents.
    Judgements of other splits are not looked at.

    Args:
        dataset: The data set; without that split, documents alone are shown.
        split: The split whose queries are shown.
        documents: Documents shown beside the queries' positives, from 1.
        queries: Most queries shown.
        seed: Seed of the draw.
        tries: Most times that it is asked, from 1.

    Raises:
        InputError: The corpus has no text.
    """
    rows = _drawn(dataset.corpus.num_rows, documents, seed, "documents", dataset.blank_rows)
    if not rows:
        raise InputError("the corpus has no text", remedy="give a data set with documents")
    system = render("profile.system", form=described(_SCHEMA))
    user = render(
        "profile.user",
        documents=[as_data(text, _SHOWN_WORDS) for text in dataset.document_texts(rows)],
        pairs=_pairs(dataset, split, queries, seed) if split in dataset.splits else [],
    )
    return ProfileSuggestion(
        dataset.name,
        tuple(
            ChatRequest(
                system=system,
                user=user,
                schema=_SCHEMA,
                temperature=_TEMPERATURE,
                max_tokens=_MAX_TOKENS,
                seed=draw_number(seed, "profile", attempt) % _SAMPLER_SEEDS,
            )
            for attempt in range(tries)
        ),
    )


def _pairs(dataset: RetrievalDataset, split: str, count: int, seed: int) -> list[dict[str, str]]:
    pairs = first_pairs(dataset, split)
    places = _drawn(len(pairs), count, seed, "queries", ())
    queries = dataset.queries["text"].take(pa.array(pairs.queries[places])).to_pylist()
    texts = dataset.document_texts(pairs.documents[places])
    return [
        {"query": as_data(query or "", _SHOWN_WORDS), "text": as_data(text, _SHOWN_WORDS)}
        for query, text in zip(queries, texts, strict=True)
    ]


def _drawn(
    size: int, count: int, seed: int, what: str, barred: frozenset[int] | tuple[int, ...]
) -> list[int]:
    order = generator_for(seed, "profile", what).permutation(size)
    found: list[int] = []
    for row in order:
        if len(found) == count:
            break
        if int(row) not in barred:
            found.append(int(row))
    return found


def _read(answer: ChatAnswer) -> Reading[Profile]:
    found = read_object(answer)
    if found.value is None:
        return Reading(None, found.problem)
    content: dict[str, Any] = {
        name: _unique(strings_at(found.value, name)) for name in ("domain_name", "difficulty_level")
    }
    for name in ("style", "relevance", "answer"):
        content[name] = string_at(found.value, name)
    content["length"] = {"approximately the same as": 1.0, "nearly the same as": 1.0}
    try:
        return Reading(parse_profile(_dumped(content), "the answer"))
    except InputError as error:
        return Reading(None, str(error))


def _unique(phrases: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(phrases))


def _as_yaml(name: str, profile: Profile) -> str:
    lines = [
        f"# Proposed by a language model for {tidy(name)}, from a sample of its documents and",
        "# queries. Read and correct it before use: nothing of it has been checked.",
    ]
    content = profile.model_dump(mode="json")
    for key, comment in _COMMENTS.items():
        lines += [f"# {comment}", _dumped({key: content[key]}).rstrip()]
    text = "\n".join(lines) + "\n"
    parse_profile(text, f"{name}.yaml")
    return text


def _dumped(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=10_000)
