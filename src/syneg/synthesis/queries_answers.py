"""From the answers of a language model to a table of queries, one row for each asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from syneg.files import value_hash
from syneg.llm.exchange import AnswerStore
from syneg.llm.parsing import parse_json_object
from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.synthesis.queries_checks import Drop
from syneg.synthesis.queries_options import QueryType
from syneg.synthesis.text import tidy

_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "«": "»", "「": "」"}

_QUESTION_MARKS = ("?", "？", "؟")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenQuery:
    """A query that was asked for, and what came.

    Attributes:
        query_id: Its name, which depends on the request and on its place in the answer.
        doc_id: The document that it was written for.
        type: The type asked for, or "question" where a question came instead.
        text: What the model wrote; None when the answer has no such query.
        request: The request's key in the journal.
        drop: Why there is no text, or not one of the type; None when there is one.
        detail: More on that.
    """

    query_id: str
    doc_id: str
    type: str
    text: str | None
    request: str
    drop: Drop | None = None
    detail: str | None = None


def written_queries(
    requests: Iterable[ChatRequest], answers: AnswerStore, model_name: str
) -> Iterator[WrittenQuery]:
    """Yield every query that was asked for by a request that has an answer.

    Args:
        requests: From `QueryRequests`.
        answers: The stored answers, for example a `Journal`.
        model_name: Name of the model that was asked.
    """
    for request in requests:
        key = request.key(model_name)
        answer = answers.get(key)
        if answer is None:
            continue
        tag = json.loads(request.tag)
        texts, problem = read_queries(answer, tag["types"])
        for number, (kind, text) in enumerate(zip(tag["types"], texts, strict=True)):
            drop: Drop | None = None if text else Drop.MISSING
            detail: str | None = None
            if problem:
                drop, detail = Drop.UNREADABLE, problem
            elif text and text.endswith(_QUESTION_MARKS) and kind != QueryType.QUESTION:
                # Small models ask where they should state. That is a good query as well, under
                # its right name, unless the user wants no questions.
                if QueryType.QUESTION in tag["known"]:
                    kind = QueryType.QUESTION.value
                else:
                    drop, detail = Drop.TYPE, f"a question, where a {kind} was asked for"
            yield WrittenQuery(
                query_id=f"g-{value_hash([key, tag['doc_id'], number])}",
                doc_id=tag["doc_id"],
                type=kind,
                text=text or None,
                request=key,
                drop=drop,
                detail=detail,
            )


def read_queries(answer: ChatAnswer, types: Sequence[str]) -> tuple[list[str | None], str | None]:
    """Return the queries of an answer, one for each type asked for, and what was wrong.

    An answer that was cut off, or that is not the JSON asked for, has none. A query goes to
    the first type asked for that it names and that is still free, or else to the first free
    one: small models mix the names up.

    Example:
        >>> def read(text, types=("question", "claim")):
        ...     return read_queries(ChatAnswer(text=text, finish="stop", prompt_tokens=None,
        ...                                    completion_tokens=None, seconds=0.1), types)
        >>> read('{"queries": [{"type": "claim", "query": "A."}, {"type": "?", "query": "B?"}]}')
        (['B?', 'A.'], None)
        >>> read('{"queries": ["B?"]}')
        (['B?', None], None)
        >>> read('Sorry.')
        ([None, None], 'the answer is not the JSON asked for: no JSON object')
    """
    nothing: list[str | None] = [None] * len(types)
    if answer.finish == "length":
        return nothing, "the answer was cut off at max_tokens"
    if answer.finish == "content_filter":
        return nothing, "the server's content filter held the answer back"
    try:
        content = parse_json_object(answer.text)
    except ValueError as error:
        return nothing, tidy(f"the answer is not the JSON asked for: {error}")[:200]
    found = content.get("queries", content)
    items = found if isinstance(found, list) else [found]
    placed = list(nothing)
    later = []
    for kind, text in filter(None, map(_typed, items)):
        places = [n for n, one in enumerate(types) if one == kind and placed[n] is None]
        if places:
            placed[places[0]] = text
        else:
            later.append(text)
    free = (number for number, text in enumerate(list(placed)) if text is None)
    for number, text in zip(free, later, strict=False):
        placed[number] = text
    return placed, None


def _typed(item: Any) -> tuple[str | None, str] | None:
    kind, text = None, item
    if isinstance(item, dict):
        kind, text = item.get("type"), item.get("query")
    if not isinstance(text, str):
        return None
    text = tidy(text)
    while len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return (kind if isinstance(kind, str) else None, text) if text else None
