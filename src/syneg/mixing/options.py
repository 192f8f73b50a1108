"""How many negatives of which kind each training instance gets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class MixingOptions(BaseModel):
    """Options of mixing.

    Attributes:
        mode: "hybrid" gives every instance the same counts of both kinds. "direct" throws both
            kinds into one pot: how many of an instance's negatives are synthetic is drawn, each
            with the probability synthetic / (synthetic + retrieved), so that some instances see
            one kind only (the comparison of SyNeg, arXiv 2412.17250).
        synthetic: Synthetic negatives per training instance; 0 for mined-only.
        retrieved: Retrieved negatives per training instance; 0 for pure synthetic.
        sources: Which mined sources may be drawn from.
        window: Only the first so many accepted candidates of each mined source are drawn from.
        minimum_yield: When a smaller share of the synthetic negatives passes the gates, none
            is used: a model that fails so often is not to be trusted with the rest.
        positives_per_query: Most positives of one query that become instances.
    """

    model_config = ConfigDict(extra="forbid")

    mode: Literal["hybrid", "direct"] = "hybrid"
    synthetic: Annotated[int, Field(ge=0, le=64)] = 1
    retrieved: Annotated[int, Field(ge=0, le=64)] = 3
    sources: tuple[Literal["bm25", "dense", "random"], ...] = ("bm25", "dense")
    window: Annotated[int, Field(ge=1)] = 30
    minimum_yield: Annotated[float, Field(ge=0, le=1)] = 0.1
    positives_per_query: Annotated[int, Field(ge=1)] = 5

    @property
    def total(self) -> int:
        """Negatives per instance."""
        return self.synthetic + self.retrieved
