"""What a user can set about the writing of queries for a corpus."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class QueryType(StrEnum):
    """The forms in which people look for something."""

    QUESTION = "question"
    KEYWORD = "keyword"
    CLAIM = "claim"
    TITLE_LIKE = "title-like"


class QueryOptions(BaseModel):
    """Settings of `syneg queries`.

    Attributes:
        per_document: Queries asked for per document, all in one call.
        documents: Documents that queries are asked for, drawn by the seed; None means all.
        types: The types to draw from, evenly.
        shots: Most examples shown in the prompt.
        document_words: Words of a document that the prompt shows; the rest is cut.
        fewest_document_words: Shorter documents, title included, get no query.
        temperature: Sampling temperature, from 0 to 2.
        top: Round trip: a query is kept when its document is among so many found for it.
        depth: Round trip: so many documents are looked at; ranks beyond are not known.
        test_share: Share of the documents whose queries become the test split, from 0 to 1;
            used where the data set has no test split.
        seed: Seed of all draws and of the sampler.

    Example:
        >>> QueryOptions(per_document=2).max_tokens
        224
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_document: int = Field(default=1, ge=1, le=20)
    documents: int | None = Field(default=None, ge=1)
    types: tuple[QueryType, ...] = Field(default=tuple(QueryType), min_length=1)
    shots: int = Field(default=4, ge=0, le=32)
    document_words: int = Field(default=300, ge=20)
    fewest_document_words: int = Field(default=5, ge=1)
    temperature: float = Field(default=0.7, ge=0, le=2)
    top: int = Field(default=3, ge=1)
    depth: int = Field(default=100, ge=10)
    test_share: float = Field(default=0.2, gt=0, lt=1)
    seed: int = 0

    @property
    def max_tokens(self) -> int:
        """Most tokens of an answer: 80 for a query in any language, and the JSON around."""
        return 64 + 80 * self.per_document
