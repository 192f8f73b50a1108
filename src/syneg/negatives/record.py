"""The record that travels through every phase: one negative, flat and immutable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pyarrow as pa

from syneg.files import value_hash

SYNTHETIC = "llm"
"""The `source` of negatives that a language model wrote."""

NEGATIVE_SCHEMA = pa.schema(
    [
        pa.field("negative_id", pa.string(), nullable=False),
        pa.field("query_id", pa.string(), nullable=False),
        pa.field("positive_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("doc_id", pa.string()),
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("rank", pa.int32()),
        pa.field("query_similarity", pa.float32()),
        pa.field("positive_similarity", pa.float32()),
        pa.field("domain", pa.string()),
        pa.field("level", pa.string()),
        pa.field("length", pa.string()),
        pa.field("reasoning", pa.string()),
        pa.field("check", pa.string()),
        pa.field("model", pa.string()),
        pa.field("prompt", pa.string()),
        pa.field("request", pa.string()),
        pa.field("problem", pa.string()),
        pa.field("prompt_tokens", pa.int32()),
        pa.field("completion_tokens", pa.int32()),
        pa.field("cost", pa.float64()),
        pa.field("difficulty", pa.string()),
        pa.field("requirement", pa.string()),
        pa.field("rewritten_from", pa.string()),
        pa.field("rounds", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """One proposed negative for one (query, positive), whatever its source.

    A mined negative names a document of the corpus (`doc_id`); a synthetic one carries its
    own `title` and `text`. Whether it is used is not written here but in the verdicts.

    Attributes:
        negative_id: Stable identity, from `negative_identity`.
        query_id: The query it is a negative for.
        positive_id: The positive document that it was proposed against.
        source: Who proposed it: "llm", "bm25", "dense", "random" or a plug-in's name.
        doc_id: The corpus document (mined negatives only).
        title: Title of a synthetic negative; may be empty.
        text: Text of a synthetic negative; None when the model's answer had no usable one.
        score: The source's own retrieval score, higher is nearer (mined negatives only).
        rank: Rank in the source's result list, from 1 (mined negatives only).
        query_similarity: Cosine to the query under the starting model, in [-1, 1].
        positive_similarity: Cosine to the positive under the starting model, in [-1, 1].
        domain: The attribute domain_name asked for.
        level: The attribute difficulty_level asked for.
        length: The attribute length asked for.
        reasoning: What the model wrote before the text.
        check: What the model wrote when it checked the text.
        model: Name of the language model.
        prompt: Fingerprint of the prompt.
        request: Key of the request in the journal whose answer holds the text.
        problem: Why an answer gave no text (cut off, not JSON, ...), else None.
        prompt_tokens: Tokens of all requests that it took; where several negatives came of the
            same requests, its part of them.
        completion_tokens: Tokens of their answers, likewise.
        cost: Price of the requests in US dollars, likewise, where known.
        difficulty: The level of difficulty asked for, where several were.
        requirement: The query's requirement that the text was to break, where one was chosen.
        rewritten_from: The corpus document that the text is a rewrite of, where it is one.
        rounds: How often the draft was revised after a judgement; None where none was asked for.
    """

    negative_id: str
    query_id: str
    positive_id: str
    source: str
    doc_id: str | None = None
    title: str | None = None
    text: str | None = None
    score: float | None = None
    rank: int | None = None
    query_similarity: float | None = None
    positive_similarity: float | None = None
    domain: str | None = None
    level: str | None = None
    length: str | None = None
    reasoning: str | None = None
    check: str | None = None
    model: str | None = None
    prompt: str | None = None
    request: str | None = None
    problem: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    difficulty: str | None = None
    requirement: str | None = None
    rewritten_from: str | None = None
    rounds: int | None = None


def negative_identity(query_id: str, positive_id: str, source: str, what: str) -> str:
    """Return the stable id of a negative.

    Args:
        query_id: The query.
        positive_id: The positive.
        source: The source's name.
        what: The document id of a mined negative; for a synthetic one, whatever tells its
            request and place in the answer apart from all others.

    Example:
        >>> negative_identity("q1", "d1", "bm25", "d9")
        'bm25-de002dad856f87b6'
    """
    return f"{source}-{value_hash([query_id, positive_id, source, what])}"


def to_table(negatives: Iterable[Negative]) -> pa.Table:
    """Return the records as an Arrow table with `NEGATIVE_SCHEMA`."""
    return pa.Table.from_pylist([asdict(one) for one in negatives], schema=NEGATIVE_SCHEMA)


def from_table(table: pa.Table) -> list[Negative]:
    """Return the rows of a table with `NEGATIVE_SCHEMA`, old or new, as records."""
    return [Negative(**row) for row in table.to_pylist()]


def with_all_columns(table: pa.Table) -> pa.Table:
    """Return a table with `NEGATIVE_SCHEMA`; columns that came with a later version are null.

    Args:
        table: Rows written by this version or an earlier one.

    Raises:
        KeyError: A column that no record can be without is missing.

    Example:
        >>> old = to_table([]).drop_columns(["rounds", "difficulty"])
        >>> with_all_columns(old).schema == NEGATIVE_SCHEMA
        True
    """
    columns = [
        pa.nulls(table.num_rows, field.type)
        if field.nullable and field.name not in table.column_names
        else table[field.name].cast(field.type)
        for field in NEGATIVE_SCHEMA
    ]
    return pa.table(columns, schema=NEGATIVE_SCHEMA)
