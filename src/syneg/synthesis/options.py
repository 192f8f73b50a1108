"""What a user can set about the writing of negatives."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

PromptName = Literal["syneg", "no-attributes", "plain", "causal", "graded", "rewrite"]
Reflection = Literal["inline", "verify"]

LEVELS: Mapping[str, str] = {
    "near": "meets every need of the query but one, which only a careful reader sees",
    "middle": "is about the query's subject, but about another question on it",
    "far": "belongs to the same field and shares terms of the query, on another subject",
}
"""The difficulties that `graded` asks for unless told otherwise, hardest first."""

_CHARACTERS_PER_WORD = 8
_CHARACTERS_PER_UNSPACED = 2
_TOKENS_PER_WORD = 1.5
_TOKENS_AROUND_TEXT = 60
_LEVEL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# Names that stand for something else in a level's part of the answer.
_TAKEN = {"title", "text", "reasoning", "check"}

_Phrase = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class SynthesisOptions(BaseModel):
    """Settings of phase 1, the writing of hard negatives by a language model.

    The caps in characters go into the JSON schema of the answer, so that a server that
    enforces schemas cannot run on without end; together with `longest_words` they are sized
    to fit `max_tokens` at about four characters a token.

    Attributes:
        prompt: How negatives are asked for. "syneg": the paper's prompt. "no-attributes" and
            "plain": its ablations without drawn attributes, and without reflection as well.
            "causal": an analysis of the query first, then a mined document rewritten so that
            it breaks one requirement. "graded": one negative of each of `levels` in one call.
            "rewrite": no negative, but the positive in the style of the negatives.
        profile: Name of a packaged profile or path of a YAML file; None takes the packaged
            profile named like the data set, else the generic one.
        temperature: Sampling temperature, from 0 (always the likeliest word) to 2. Judgements
            (see `reflection`) are asked for at 0, and a second try at 0.3 at least.
        max_tokens: Most tokens that an answer may have for each text that it writes; an
            answer that is an analysis may have twice as many.
        per_query: Negatives asked for per query, each with attributes of its own; with
            "graded", sets of one negative per level. A multiple of `negatives_per_call`,
            which it is by default.
        negatives_per_call: Negatives written in one answer ("syneg" and its ablations only).
        reflection: "inline": the model reasons, writes and checks in one answer. "verify": a
            second call judges the draft by whether it answers the query, and a third
            revises it. None: as the prompt has it, which is "inline" for all but "plain".
        verify_rounds: Most revisions of a draft with "verify"; each is judged again.
        tries: Most times that the same is asked where the answer cannot be read, from 1.
        anchors: Passages of the collection that stand in the prompt as examples of style.
            With 0 the collection shapes nothing: the length asked for is that of the
            positive alone, as in the paper.
        levels: The difficulties that "graded" asks for, by name, each with what it means; or
            a list of the known names "near", "middle" and "far".
        longest_words: Most words asked for, however long the positive is.
        positive_words: Words of the positive (and of a candidate) that the prompt shows; the
            rest is cut.
        reasoning_characters: Cap of the reasoning before the text.
        title_characters: Cap of the title.
        check_characters: Cap of the check after the text.
        seed: Seed of the attributes and of the sampler; None takes the seed of the run.

    Example:
        >>> SynthesisOptions(longest_words=100).text_characters
        800
        >>> SynthesisOptions(negatives_per_call=3).per_query
        3
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: PromptName = "syneg"
    profile: str | None = None
    temperature: float = Field(default=0.8, ge=0, le=2)
    max_tokens: int = Field(default=512, ge=32)
    per_query: int = Field(default=1, ge=1)
    negatives_per_call: int = Field(default=1, ge=1, le=20)
    reflection: Reflection | None = None
    verify_rounds: int = Field(default=1, ge=1, le=10)
    tries: int = Field(default=2, ge=1, le=10)
    anchors: int = Field(default=1, ge=0, le=8)
    levels: dict[str, _Phrase] = Field(default=dict(LEVELS), min_length=2)
    longest_words: int = Field(default=160, ge=10)
    positive_words: int = Field(default=200, ge=10)
    reasoning_characters: int = Field(default=320, ge=40)
    title_characters: int = Field(default=160, ge=10)
    check_characters: int = Field(default=200, ge=40)
    seed: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        filled = dict(value)
        if "per_query" not in filled and "negatives_per_call" in filled:
            filled["per_query"] = filled["negatives_per_call"]
        if isinstance(filled.get("levels"), Sequence) and not isinstance(filled["levels"], str):
            filled["levels"] = _known_levels(filled["levels"])
        return filled

    @model_validator(mode="after")
    def _check_together(self) -> SynthesisOptions:
        for problem in (self._wrong_levels(), self._wrong_counts(), self._wrong_reflection()):
            if problem:
                raise ValueError(problem)
        needed = math.ceil(self.longest_words * _TOKENS_PER_WORD) + _TOKENS_AROUND_TEXT
        if needed > self.max_tokens:
            raise ValueError(
                f"max_tokens {self.max_tokens} has no room for a text of {self.longest_words} "
                f"words: raise it to {needed} at least, or lower longest_words"
            )
        return self

    def _wrong_levels(self) -> str | None:
        if self.prompt != "graded" and self.levels != LEVELS:
            return f"levels are for the prompt 'graded', and the prompt is '{self.prompt}'"
        wrong = [one for one in self.levels if not _LEVEL_NAME.fullmatch(one) or one in _TAKEN]
        if wrong:
            return (
                f"a level cannot be named {wrong[0]!r}: take letters, digits, '-' and '_', and "
                f"none of {', '.join(sorted(_TAKEN))}"
            )
        return None

    def _wrong_counts(self) -> str | None:
        several = self.negatives_per_call
        if several > 1 and self.prompt in ("causal", "graded", "rewrite"):
            return (
                f"the prompt '{self.prompt}' cannot write {several} negatives in a call: leave "
                "negatives_per_call at 1 and set per_query"
            )
        if self.per_query % several:
            return (
                f"per_query {self.per_query} is no multiple of negatives_per_call {several}: a "
                "call would have to write fewer than the others"
            )
        return None

    def _wrong_reflection(self) -> str | None:
        if self.prompt == "plain" and self.reflection is not None:
            return (
                "the prompt 'plain' is the one without reflection: leave reflection away, or take "
                "the prompt 'no-attributes'"
            )
        if self.verify_rounds != 1 and self.reflection != "verify":
            return "verify_rounds needs reflection 'verify'"
        return None

    @property
    def text_characters(self) -> int:
        """Cap of the text in characters: eight for each word of `longest_words`."""
        return self.longest_words * _CHARACTERS_PER_WORD

    @property
    def longest_unspaced(self) -> int:
        """What `longest_words` is in characters, for scripts that put no spaces between words."""
        return self.longest_words * _CHARACTERS_PER_UNSPACED

    @property
    def reflects(self) -> bool:
        """Whether the model reasons before it writes: all prompts but "plain"."""
        return self.prompt != "plain"

    @property
    def checks_inline(self) -> bool:
        """Whether the answer that holds the text holds a check of it as well."""
        return self.reflects and self.reflection != "verify"

    @property
    def draws_attributes(self) -> bool:
        """Whether domain, level and length are drawn and shown."""
        return self.prompt in ("syneg", "graded", "rewrite")

    @property
    def texts_per_call(self) -> int:
        """Texts that one call writes."""
        return len(self.levels) if self.prompt == "graded" else self.negatives_per_call

    @property
    def calls_per_query(self) -> int:
        """Calls that write for one query."""
        return self.per_query // self.negatives_per_call


def _known_levels(names: Sequence[object]) -> dict[str, str]:
    unknown = [one for one in names if one not in LEVELS]
    if unknown:
        raise ValueError(
            f"{unknown[0]!r} is no known level: take {', '.join(LEVELS)}, or give each level "
            "with what it means"
        )
    return {str(name): LEVELS[str(name)] for name in names}
