"""What a user can set about the gates."""

from __future__ import annotations

import re
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from syneg.files import value_hash

GateName = Literal[
    "format",
    "length",
    "language",
    "copy",
    "corpus-copy",
    "repetition",
    "telltale",
    "duplicate",
    "near-duplicate",
    "self-check",
    "hardness",
]
GATES: tuple[GateName, ...] = get_args(GateName)
"""All gates, in the order in which a failure is attributed."""

# One more whenever a gate judges otherwise than before under the same settings.
_VERSION = 2
_SETTINGS: dict[GateName, tuple[str, ...]] = {
    "format": (),
    "length": ("shortest_ratio", "longest_ratio", "fewest_words", "longest_positive"),
    "language": ("languages", "language_words", "language_sureness"),
    "copy": ("copy_share", "copy_words"),
    "corpus-copy": ("corpus_copy_share", "corpus_copy_candidates", "copy_words"),
    "repetition": ("repetition_share", "repetition_words", "repetition_sentences"),
    "telltale": ("languages", "telltale_extra", "telltale_allowed"),
    "duplicate": (),
    "near-duplicate": ("near_duplicate_share", "near_duplicate_words"),
    "self-check": (),
    "hardness": ("hardness_lowest", "hardness_highest", "hardness_fewest"),
}
_LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")


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
        languages: Languages of the collection, ISO 639-1 codes such as "en"; empty finds them
            out from a sample of its documents.
        language_words: A text of fewer words has no language that one could be sure of.
        language_sureness: Least probability, in (0.5, 1], of another language for a text to
            be dropped.
        copy_share: Largest share of the runs of words that may stand in one relevant
            document, in [0, 1].
        copy_words: Words in such a run.
        corpus_copy_share: Largest share of those runs that may stand in one mined candidate
            of the same query, in [0, 1]. A rewrite of a candidate that breaks one requirement
            shares up to 0.83 in the recorded sets.
        corpus_copy_candidates: So many candidates of each query, the nearest, are compared.
        repetition_share: Largest share of runs of words that repeat an earlier one, in [0, 1].
        repetition_words: Words in such a run.
        repetition_sentences: A sentence may stand in a text this many times.
        telltale_extra: More tell-tale phrases, matched anywhere at word boundaries.
        telltale_allowed: Phrases of the packaged list that are ordinary in this collection.
        near_duplicate_share: Two texts are near-copies from this share of common runs among
            all their different runs (Jaccard), in [0.3, 1].
        near_duplicate_words: Words in such a run.
        hardness_lowest: Quantile, in [0, 1], of the query's mined negatives by similarity to
            the query below which a text is marked as easy.
        hardness_highest: Quantile above which it is marked as hard.
        hardness_fewest: With fewer mined negatives than this a query has no band.

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
    languages: tuple[str, ...] = ()
    language_words: int = Field(default=20, ge=1)
    language_sureness: float = Field(default=0.95, gt=0.5, le=1)
    copy_share: float = Field(default=0.5, ge=0, le=1)
    copy_words: int = Field(default=5, ge=1)
    corpus_copy_share: float = Field(default=0.9, ge=0, le=1)
    corpus_copy_candidates: int = Field(default=5, ge=0, le=1_000)
    repetition_share: float = Field(default=0.3, ge=0, le=1)
    repetition_words: int = Field(default=4, ge=1)
    repetition_sentences: int = Field(default=2, ge=1)
    telltale_extra: tuple[str, ...] = ()
    telltale_allowed: tuple[str, ...] = ()
    near_duplicate_share: float = Field(default=0.7, ge=0.3, le=1)
    near_duplicate_words: int = Field(default=3, ge=1)
    hardness_lowest: float = Field(default=0.05, ge=0, le=1)
    hardness_highest: float = Field(default=1.0, ge=0, le=1)
    hardness_fewest: int = Field(default=5, ge=2)

    @field_validator("languages")
    @classmethod
    def _language_codes(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        for code in languages:
            if not _LANGUAGE_CODE.fullmatch(code):
                raise ValueError(
                    f"'{code}' is no code of a language; write it as in ISO 639-1, such as 'en'"
                )
        return tuple(sorted(set(languages)))

    @model_validator(mode="after")
    def _no_empty_phrase(self) -> GateOptions:
        if any(not phrase.strip() for phrase in self.telltale_extra):
            raise ValueError("telltale_extra holds an empty phrase, which would match any text")
        return self

    @model_validator(mode="after")
    def _band(self) -> GateOptions:
        if self.hardness_lowest >= self.hardness_highest:
            raise ValueError(
                f"hardness_lowest ({self.hardness_lowest}) must be below hardness_highest "
                f"({self.hardness_highest})"
            )
        return self

    def fingerprint(self, gate: GateName, *also: object) -> str:
        """Return the hash of a gate's name, version and thresholds.

        Args:
            gate: The gate.
            also: What else decides its verdicts on all texts, such as a packaged list.
        """
        settings = {name: getattr(self, name) for name in _SETTINGS[gate]}
        return value_hash([gate, _VERSION, settings, *also])
