"""How many negatives of which kind each training instance gets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from syneg.errors import nearest

SOURCES = ("bm25", "dense", "fusion", "judged", "random")
"""Mined sources that have one name; of files there may be several."""

_OF_FILES = ("run-", "earlier-")


class MixingOptions(BaseModel):
    """Options of mixing.

    Attributes:
        mode: "hybrid" gives every instance the same counts of both kinds. "direct" throws both
            kinds into one pot: how many of an instance's negatives are synthetic is drawn, each
            with the probability synthetic / (synthetic + retrieved), so that some instances see
            one kind only (the comparison of SyNeg, arXiv 2412.17250).
        synthetic: Synthetic negatives per training instance; 0 for mined-only.
        retrieved: Retrieved negatives per training instance; 0 for pure synthetic.
        sources: Which mined sources may be drawn from, by the name of their part of the pool:
            "bm25", "dense", "fusion", "judged", "run-NAME", "earlier-NAME" or "random".
        window: Only the first so many accepted candidates of each mined source are drawn from.
        minimum_yield: When a smaller share of the synthetic negatives passes the gates, none
            is used: a model that fails so often is not to be trusted with the rest.
        positives_per_query: Most positives of one query that become instances.
    """

    model_config = ConfigDict(extra="forbid")

    mode: Literal["hybrid", "direct"] = "hybrid"
    synthetic: Annotated[int, Field(ge=0, le=64)] = 1
    retrieved: Annotated[int, Field(ge=0, le=64)] = 3
    sources: tuple[str, ...] = ("bm25", "dense")
    window: Annotated[int, Field(ge=1)] = 30
    minimum_yield: Annotated[float, Field(ge=0, le=1)] = 0.1
    positives_per_query: Annotated[int, Field(ge=1)] = 5

    @field_validator("sources")
    @classmethod
    def _known_sources(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for name in sources:
            if name not in SOURCES and not name.startswith(_OF_FILES):
                close = nearest(name, SOURCES)
                hint = f"did you mean '{close}'? " if close else ""
                raise ValueError(
                    f"'{name}' is no mined source; {hint}there are {', '.join(SOURCES)}, run-NAME "
                    "and earlier-NAME"
                )
        return sources

    @property
    def total(self) -> int:
        """Negatives per instance."""
        return self.synthetic + self.retrieved
