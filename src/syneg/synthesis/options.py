"""What a user can set about the writing of negatives."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_CHARACTERS_PER_WORD = 8


class SynthesisOptions(BaseModel):
    """Settings of phase 1, the writing of hard negatives by a language model.

    The caps in characters go into the JSON schema of the answer, so that a server that
    enforces schemas cannot run on without end; together with `longest_words` they are sized
    to fit `max_tokens` at about four characters a token.

    Attributes:
        profile: Name of a packaged profile or path of a YAML file; None takes the packaged
            profile named like the data set, else the generic one.
        temperature: Sampling temperature, from 0 (always the likeliest word) to 2.
        max_tokens: Most tokens that an answer may have.
        per_query: Negatives asked for per query, each with attributes of its own.
        longest_words: Most words asked for, however long the positive is.
        positive_words: Words of the positive that the prompt shows; the rest is cut.
        reasoning_characters: Cap of the reasoning before the text.
        title_characters: Cap of the title.
        check_characters: Cap of the check after the text.
        seed: Seed of the attributes and of the sampler; None takes the seed of the run.

    Example:
        >>> SynthesisOptions(longest_words=100).text_characters
        800
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str | None = None
    temperature: float = Field(default=0.8, ge=0, le=2)
    max_tokens: int = Field(default=512, ge=32)
    per_query: int = Field(default=1, ge=1)
    longest_words: int = Field(default=160, ge=10)
    positive_words: int = Field(default=200, ge=10)
    reasoning_characters: int = Field(default=320, ge=40)
    title_characters: int = Field(default=160, ge=10)
    check_characters: int = Field(default=200, ge=40)
    seed: int | None = None

    @property
    def text_characters(self) -> int:
        """Cap of the text in characters: eight for each word of `longest_words`."""
        return self.longest_words * _CHARACTERS_PER_WORD
