"""The language model as a source of negatives: requests out, records in."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.llm.parsing import parse_json_object
from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.negatives.record import SYNTHETIC, Negative, negative_identity, to_table
from syneg.synthesis.attributes import draw_attributes, draw_number
from syneg.synthesis.options import SynthesisOptions
from syneg.synthesis.pairs import first_positives
from syneg.synthesis.profile import Profile
from syneg.synthesis.prompt import Prompt
from syneg.synthesis.text import tidy

# Servers take the sampler's seed as a signed number of 32 bits.
_SAMPLER_SEEDS = 2**31

CUT_OFF = "the answer was cut off at max_tokens"
NO_TEXT = "the answer has no text"


class AnswerStore(Protocol):
    """Where answers are kept by request; the journal is one."""

    def get(self, key: str, /) -> ChatAnswer | None:
        """Return the stored answer of a request, or None."""
        ...  # pragma: no cover


def build_requests(
    dataset: RetrievalDataset,
    split: str,
    prompt: Prompt,
    options: SynthesisOptions,
    profile: Profile,
    *,
    seed: int,
    query_ids: Collection[str] | None = None,
) -> list[ChatRequest]:
    """Return the requests that write negatives for the queries of a split.

    Each query is paired with its first positive: the one of highest grade and, among
    equals, the first of the judgements. The requests come in an order drawn from the seed,
    all first samples before all second ones, so that whatever time allows is a fair sample
    of the queries. Queries judged without any positive are passed over.

    Args:
        dataset: Queries, judgements and corpus.
        split: The split to write negatives for, as a rule "train".
        prompt: What is sent.
        options: Temperature, caps and number of negatives per query.
        profile: The attribute pools.
        seed: Seed of the run, used where `options.seed` is None.
        query_ids: Only these queries of the split; None means all.

    Returns:
        One request per query and sample; its `tag` is a JSON object with query_id,
        positive_id, sample and the attributes drawn.

    Raises:
        InputError: A query is not in the split, or a positive is not in the corpus.
    """
    seed = seed if options.seed is None else options.seed
    pairs = first_positives(dataset, split, query_ids)
    pairs.sort(key=lambda pair: draw_number(seed, pair.query_id, "order"))
    queries = dataset.query_texts([pair.query_id for pair in pairs])
    documents = _documents(dataset, [pair.positive_id for pair in pairs])
    requests = []
    for sample in range(options.per_query):
        for pair, query, (title, text) in zip(pairs, queries, documents, strict=True):
            drawn = draw_attributes(profile, seed=seed, sample=sample, **pair._asdict())
            messages = prompt.render(query, text, drawn, positive_title=title)
            requests.append(
                ChatRequest(
                    system=messages.system,
                    user=messages.user,
                    schema=prompt.schema,
                    temperature=options.temperature,
                    max_tokens=options.max_tokens,
                    seed=draw_number(seed, *pair, sample, "sampler") % _SAMPLER_SEEDS,
                    sample=sample,
                    tag=json.dumps({**pair._asdict(), "sample": sample, **asdict(drawn)}),
                )
            )
    return requests


def negatives_from_journal(
    requests: Iterable[ChatRequest],
    journal: AnswerStore,
    model_name: str,
    prompt: Prompt,
    *,
    cost: Callable[[ChatAnswer], float | None] | None = None,
) -> pa.Table:
    """Return a record for every request that has been answered.

    A request without an answer yields no row. An answer without a usable text yields a row
    whose `text` is None and whose `problem` says why; what the model wrote stays in the
    journal under the row's `request`.

    Args:
        requests: From `build_requests`.
        journal: The stored answers by request key.
        model_name: Name of the model that was asked, part of every key.
        prompt: The prompt that the requests were made with.
        cost: Gives the price of an answer in US dollars.

    Returns:
        Rows with `NEGATIVE_SCHEMA` and source "llm", in the order of the requests.
    """
    negatives = []
    for request in requests:
        key = request.key(model_name)
        answer = journal.get(key)
        if answer is None:
            continue
        tag = json.loads(request.tag)
        negatives.append(
            Negative(
                negative_id=negative_identity(tag["query_id"], tag["positive_id"], SYNTHETIC, key),
                query_id=tag["query_id"],
                positive_id=tag["positive_id"],
                source=SYNTHETIC,
                domain=tag["domain_name"],
                level=tag["difficulty_level"],
                length=tag["length"],
                model=model_name,
                prompt=prompt.fingerprint,
                request=key,
                prompt_tokens=answer.prompt_tokens,
                completion_tokens=answer.completion_tokens,
                cost=None if cost is None else cost(answer),
                **read_answer(answer),
            )
        )
    return to_table(negatives)


def read_answer(answer: ChatAnswer) -> dict[str, Any]:
    """Return the parts of an answer as fields of `Negative`.

    Returns:
        title, text, reasoning and check, with white space normalised; or a `problem` and
        whatever of reasoning and check was readable.

    Example:
        >>> def read(text, finish="stop"):
        ...     return read_answer(ChatAnswer(text=text, finish=finish, prompt_tokens=None,
        ...                                   completion_tokens=None, seconds=0.1))
        >>> read('{"title": "A", "text": " B  c "}')["text"]
        'B c'
        >>> read('{"title": "A", "te', finish="length")["problem"]
        'the answer was cut off at max_tokens'
    """
    if answer.finish == "length":
        return {"problem": CUT_OFF}
    if answer.finish == "content_filter":
        return {"problem": "the server's content filter held the answer back"}
    try:
        content = parse_json_object(answer.text)
    except ValueError as error:
        return {"problem": tidy(f"the answer is not the JSON asked for: {error}")[:200]}
    parts = {name: _string(content.get(name)) for name in ("title", "text", "reasoning", "check")}
    if parts["text"]:
        return {**parts, "title": parts["title"] or ""}
    return {"reasoning": parts["reasoning"], "check": parts["check"], "problem": NO_TEXT}


def _string(value: object) -> str | None:
    return tidy(value) if isinstance(value, str) else None


def _documents(dataset: RetrievalDataset, ids: Sequence[str]) -> list[tuple[str, str]]:
    rows = dataset.document_rows(ids)
    for document_id, row in zip(ids, rows, strict=True):
        if row < 0:
            raise InputError(
                "a positive is not in the corpus",
                field="doc_id",
                value=document_id,
                remedy="repair the judgements or the corpus",
            )
    taken = dataset.corpus.take(pa.array(rows, pa.int64()))
    titles, texts = taken["title"].to_pylist(), taken["text"].to_pylist()
    # A document that is all title would leave the model nothing to go by.
    return [
        (title or "", text) if text and text.strip() else ("", title or "")
        for title, text in zip(titles, texts, strict=True)
    ]
