"""What a user can set about the gates."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from syneg.files import value_hash

GateName = Literal["format", "length", "copy", "repetition", "telltale", "duplicate", "self-check"]
GATES: tuple[GateName, ...] = get_args(GateName)
"""All gates, in the order in which a failure is attributed."""

_VERSION = 1
_SETTINGS: dict[GateName, tuple[str, ...]] = {
    "format": (),
    "length": ("shortest_ratio", "longest_ratio", "fewest_words", "longest_positive"),
    "copy": ("copy_share", "copy_words"),
    "repetition": ("repetition_share", "repetition_words", "repetition_sentences"),
    "telltale": ("telltale_extra", "telltale_allowed"),
    "duplicate": (),
    "self-check": (),
}


class GateOptions(BaseModel):
    """Thresholds of the gates for synthetic negatives.

    Attributes:
        gates: The gates that run. "format" always does: without a text there is nothing to
            train on.
        shortest_ratio: Fewest words as a multiple of the positive's, in [0, 1].
        longest_ratio: Most words as a multiple of the positive's, from 1.
        fewest_words: Fewest words whatever the positive; for positives of less than twice as
            many words, half of the positive's.
        longest_positive: A positive counts as no longer than this for `shortest_ratio`. Set
            it to the `longest_words` of the prompt, which are the most it asks for.
        copy_share: Largest share of the runs of words that may stand in one relevant
            document, in [0, 1].
        copy_words: Words in such a run.
        repetition_share: Largest share of runs of words that repeat an earlier one, in [0, 1].
        repetition_words: Words in such a run.
        repetition_sentences: A sentence may stand in a text this many times.
        telltale_extra: More tell-tale phrases, matched anywhere at word boundaries.
        telltale_allowed: Phrases of the packaged list that are ordinary in this collection.

    Example:
        >>> GateOptions(copy_share=0.3).fingerprint("copy") == GateOptions().fingerprint("copy")
        False
        >>> GateOptions(copy_share=0.3).fingerprint("length") == GateOptions().fingerprint("length")
        True
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gates: tuple[GateName, ...] = GATES
    shortest_ratio: float = Field(default=0.25, ge=0, le=1)
    longest_ratio: float = Field(default=4.0, ge=1)
    fewest_words: int = Field(default=15, ge=1)
    longest_positive: int = Field(default=160, ge=1)
    copy_share: float = Field(default=0.5, ge=0, le=1)
    copy_words: int = Field(default=5, ge=1)
    repetition_share: float = Field(default=0.3, ge=0, le=1)
    repetition_words: int = Field(default=4, ge=1)
    repetition_sentences: int = Field(default=2, ge=1)
    telltale_extra: tuple[str, ...] = ()
    telltale_allowed: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _no_empty_phrase(self) -> GateOptions:
        if any(not phrase.strip() for phrase in self.telltale_extra):
            raise ValueError("telltale_extra holds an empty phrase, which would match any text")
        return self

    def fingerprint(self, gate: GateName) -> str:
        """Return the hash of a gate's name, version and thresholds."""
        return value_hash([gate, _VERSION, {name: getattr(self, name) for name in _SETTINGS[gate]}])
