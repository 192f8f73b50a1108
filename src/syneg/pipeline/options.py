"""Everything that decides what a run does, as typed sections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from syneg.filters.options import GateOptions
from syneg.mixing.options import MixingOptions
from syneg.pipeline.pilot_options import PilotOptions
from syneg.synthesis.options import SynthesisOptions
from syneg.training.options import TrainingOptions


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True)


class DatasetOptions(_Section):
    """Which data, and how it is split.

    Attributes:
        location: "pydocs", a BEIR folder, or "hub:NAME".
        skip_unknown: Go on without judgements that name unknown ids or have no number.
        train: Split that is trained on.
        development: Split by which models are chosen; held out of train, grouped by positive
            document, when the data set has none.
        test: Split that is reported.
        development_share: Share of the train queries that is held out.
        development_most: Most queries that are held out.
    """

    location: str = ""
    skip_unknown: bool = False
    train: str = "train"
    development: str = "dev"
    test: str = "test"
    development_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    development_most: Annotated[int, Field(ge=1)] = 300

    @field_validator("location")
    @classmethod
    def _whole_path(cls, location: str) -> str:
        # A run may go on from another working directory.
        return location if location in ("", "pydocs") else whole_path(location)

    @model_validator(mode="after")
    def _three_splits(self) -> DatasetOptions:
        if len({self.train, self.development, self.test}) < 3:
            raise ValueError("train, development and test must be three different splits")
        return self


class ModelOptions(_Section):
    """Which encoder is fine-tuned.

    Attributes:
        location: "minilm", a folder, or "hub:NAME".
        max_length: Most tokens read of a text; None leaves the model's own limit.
        trust_remote_code: Whether code that comes with the model may run.
        device: For example "cuda:0" or "cpu"; None takes the best there is.
    """

    location: str = "minilm"
    max_length: Annotated[int, Field(ge=8)] | None = None
    trust_remote_code: bool = False
    device: str | None = None

    @field_validator("location")
    @classmethod
    def _whole_path(cls, location: str) -> str:
        return location if location == "minilm" else whole_path(location)


class LanguageModelOptions(_Section):
    """Which language model writes negatives.

    Attributes:
        server: "none", "local" (llama.cpp with SmolLM2-135M on a loopback port), or the URL
            of any OpenAI-compatible server.
        model: The model's name at the server; None where the server has just one.
        concurrency: Requests under way at once.
        seconds: Time budget for writing; None has none.
        queries: Most queries that negatives are written for; None: all training queries.
        recorded: A JSONL file of negatives written elsewhere, taken instead of a model.
    """

    server: str = "none"
    model: str | None = None
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    seconds: Annotated[float, Field(gt=0)] | None = None
    queries: Annotated[int, Field(ge=1)] | None = None
    recorded: Path | None = None

    @field_validator("server")
    @classmethod
    def _no_secret_in_the_address(cls, server: str) -> str:
        # Checked before the configuration is written or shown anywhere.
        if server not in ("none", "local"):
            from syneg.llm.address import server_address

            server_address(server)
        return server

    @field_validator("recorded")
    @classmethod
    def _whole_path(cls, recorded: Path | None) -> Path | None:
        return None if recorded is None else recorded.resolve()

    @model_validator(mode="after")
    def _one_origin(self) -> LanguageModelOptions:
        if self.recorded is not None and self.server != "none":
            raise ValueError("give recorded negatives or a language model, not both")
        return self


class MiningOptions(_Section):
    """What is retrieved as candidate negatives.

    Attributes:
        depth: Candidates per query and source; where a query's positive is not very similar
            to it, most of the nearest are taken for false negatives, and others must follow.
        percentage_of_positive: Candidates whose similarity to the query is above this share
            of the positive's are taken for false negatives (NV-Retriever, arXiv 2407.15831).
    """

    depth: Annotated[int, Field(ge=1, le=10_000)] = 100
    percentage_of_positive: Annotated[float, Field(gt=0, le=1)] = 0.95


class RunConfig(_Section):
    """Everything that decides what a run does.

    Example:
        >>> RunConfig().training.epochs
        2
    """

    dataset: DatasetOptions = DatasetOptions()
    model: ModelOptions = ModelOptions()
    llm: LanguageModelOptions = LanguageModelOptions()
    synthesis: SynthesisOptions = SynthesisOptions()
    mining: MiningOptions = MiningOptions()
    filters: GateOptions = GateOptions()
    mixing: MixingOptions = MixingOptions()
    training: TrainingOptions = TrainingOptions()
    pilot: PilotOptions = PilotOptions()
    seed: Annotated[int, Field(ge=0)] = 0
    offline: bool = False

    @model_validator(mode="after")
    def _comparable_candidates(self) -> RunConfig:
        self.pilot.check(self.mixing)
        return self


def whole_path(location: str) -> str:
    """Return a local path in full; names on the Hub stay as they are.

    Example:
        >>> whole_path("hub:BeIR/scifact")
        'hub:BeIR/scifact'
    """
    return location if location.startswith("hub:") else str(Path(location).resolve())
