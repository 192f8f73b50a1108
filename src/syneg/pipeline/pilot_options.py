"""What the pilot tries, and on how much, before the negatives of all queries are written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from syneg.mixing.options import MixingOptions
from syneg.training.options import LossOptions, TrainingOptions


class PilotCandidate(BaseModel):
    """A mixture, and a loss to learn from it with, that the pilot tries.

    All candidates have as many negatives per training instance as `mixing` asks for, so that
    they differ in nothing else.

    Attributes:
        name: What the report calls it.
        synthetic: Synthetic negatives per instance; None takes `mixing.synthetic`.
        retrieved: Retrieved ones; None fills up to the configured total.
        loss: Options of `training.loss` in which it differs, such as {"synthetic": "graded"}.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=80)]
    synthetic: Annotated[int, Field(ge=0, le=64)] | None = None
    retrieved: Annotated[int, Field(ge=0, le=64)] | None = None
    loss: dict[str, Any] = {}

    @field_validator("loss")
    @classmethod
    def _known_options(cls, loss: dict[str, Any]) -> dict[str, Any]:
        try:
            LossOptions.model_validate(loss)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            names = ", ".join(LossOptions.model_fields)
            raise ValueError(
                f"'{'.'.join(map(str, first['loc']))}': {first['msg']}; options of the loss are "
                f"{names}"
            ) from error
        return loss

    def mixing(self, configured: MixingOptions) -> MixingOptions:
        """Return the run's mixing options with this candidate's counts.

        Raises:
            ValueError: It has another number of negatives than the run.

        Example:
            >>> PilotCandidate(name="mined only", synthetic=0).mixing(MixingOptions()).retrieved
            4
        """
        synthetic = configured.synthetic if self.synthetic is None else self.synthetic
        retrieved = configured.total - synthetic if self.retrieved is None else self.retrieved
        if retrieved < 0 or synthetic + retrieved != configured.total:
            raise ValueError(
                f"pilot.candidates: '{self.name}' has {synthetic} synthetic and "
                f"{max(0, retrieved)} retrieved negatives per instance, where mixing asks for "
                f"{configured.total} in all; give all candidates as many"
            )
        return configured.model_copy(update={"synthetic": synthetic, "retrieved": retrieved})

    def training(self, configured: TrainingOptions) -> TrainingOptions:
        """Return the run's training options with this candidate's loss.

        Example:
            >>> graded = PilotCandidate(name="graded", loss={"synthetic": "graded"})
            >>> graded.training(TrainingOptions()).loss.synthetic
            'graded'
        """
        loss = LossOptions.model_validate({**configured.loss.model_dump(), **self.loss})
        return configured.model_copy(update={"loss": loss})


DEFAULT_CANDIDATES = (
    PilotCandidate(name="mined only", synthetic=0),
    PilotCandidate(name="margin", loss={"synthetic": "margin"}),
    PilotCandidate(name="hybrid", loss={"synthetic": "infonce"}),
)
"""What the pilot tries unless the configuration says otherwise."""


class PilotOptions(BaseModel):
    """Options of the pilot.

    It has negatives written for a few training queries, trains small models with and without
    them, and compares these on the development split.

    Attributes:
        queries: Training queries of the pilot; 0 makes none. Unless negatives are recorded
            already, there must be twice as many, or nothing is saved by asking first, and the
            pilot is skipped.
        epochs: Passes over the pilot's instances; with the batch size below, 100 queries make
            28 steps.
        batch_size: Instances per step in the pilot.
        learning_rate: Peak rate in the pilot; a few steps at a gentle rate would show nothing.
        seeds: Models trained of each candidate, each with another order of the data.
        documents: Most documents searched when a candidate is measured; the nearest to the
            development queries are always among them.
        certainty: How likely it must be that synthetic negatives help, by the bootstrap over
            seeds and queries, for them to be used: 0.5 lets the mean decide, 0.975 asks for an
            interval above zero.
        least_queries: With fewer development queries the pilot is skipped: it could tell
            nothing.
        candidates: What is tried, and the configured loss if it is none of these. Just one has
            no synthetic negatives; the others are compared with it.

    Example:
        >>> [one.name for one in PilotOptions().candidates]
        ['mined only', 'margin', 'hybrid']
    """

    model_config = ConfigDict(extra="forbid")

    queries: Annotated[int, Field(ge=0)] = 100
    epochs: Annotated[int, Field(ge=1)] = 4
    batch_size: Annotated[int, Field(ge=2)] = 16
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 5e-5
    seeds: Annotated[int, Field(ge=1, le=20)] = 2
    documents: Annotated[int, Field(ge=100)] = 2_500
    certainty: Annotated[float, Field(ge=0.5, lt=1)] = 0.8
    least_queries: Annotated[int, Field(ge=2)] = 20
    candidates: tuple[PilotCandidate, ...] = DEFAULT_CANDIDATES

    @model_validator(mode="after")
    def _different_names(self) -> PilotOptions:
        names = [one.name for one in self.candidates]
        if len(set(names)) < len(names):
            raise ValueError("candidates need different names")
        return self

    def check(self, mixing: MixingOptions) -> None:
        """Make sure that the candidates can be compared with each other.

        Raises:
            ValueError: They differ in their number of negatives, or not just one has no
                synthetic ones.
        """
        if not self.queries or not mixing.synthetic:
            return  # There will be no pilot.
        without = [one.name for one in self.candidates if not one.mixing(mixing).synthetic]
        if len(without) != 1 or len(self.candidates) < 2:
            raise ValueError(
                "pilot.candidates: one candidate must have no synthetic negatives, and at least "
                f"one other must have some; without are: {', '.join(without) or 'none'}"
            )
