"""Everything that decides what a run does, as typed sections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from syneg.encoders.loading import Pooling
from syneg.encoders.nearest import SearchMethod
from syneg.errors import InputError
from syneg.filters.judge_options import JudgeOptions
from syneg.filters.options import GateOptions
from syneg.mixing.options import SOURCES, MixingOptions
from syneg.pipeline.llm_options import LanguageModelOptions
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
        pooling: "cls", "mean" or "last": how a plain Transformers model's tokens become one
            vector; None takes the mean (for language models the last token). A model that
            states its own takes none.
        dimensions: Keep the first so many dimensions of the vectors, for models trained to be
            cut so (Matryoshka), in mining and when figures are computed; None keeps all.
        query_prompt: Put before every query; None leaves the model's own.
        document_prompt: Put before every document; None leaves the model's own.
    """

    location: str = "minilm"
    max_length: Annotated[int, Field(ge=8)] | None = None
    trust_remote_code: bool = False
    device: str | None = None
    pooling: Pooling | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None

    @field_validator("location")
    @classmethod
    def _whole_path(cls, location: str) -> str:
        return location if location == "minilm" else whole_path(location)


class MiningOptions(_Section):
    """What is retrieved as candidate negatives, and which of it may be used.

    Attributes:
        sources: "random", "bm25", "dense", "fusion:bm25+dense" (reciprocal-rank fusion),
            "run:FILE" (a TREC run), "judged" (grade 0 in the training split) and
            "earlier:FILE" (what an earlier run or call stored). "random" fills up where the
            others have too few.
        depth: Candidates per query and source; where a query's positive is not very similar
            to it, most of the nearest are taken for false negatives, and others must follow.
        select: Rules that remove candidates, such as "rank:1-30" and "perc-pos:0.95" (above
            that share of the positive's similarity candidates are taken for false negatives,
            NV-Retriever, arXiv 2407.15831); see `syneg mine --help`. One that chooses says how
            many it leaves for each query and source: "top:30", "random:30",
            "simans:a=0.5,b=0,n=30".
        reference: Which of several positives candidates are held against: "first", "nearest",
            "farthest" or "mean"; see `Reference` for what that means.
        language: Of BM25's stemmer and stop words, such as "german"; "none" has neither.
        near_duplicate: Documents that share so many of their runs of five words with a
            positive are no candidates; None compares whole texts only.
        search: How a dense source searches: "exact", or with FAISS "flat", "ivf" or "hnsw", whose
            recall is measured; "auto" is exact up to a million documents and "ivf" beyond.
        siblings: Whether other chunks of a positive's document (known from `chunks.parquet` or
            `source_id` in the metadata of the corpus) may be candidates.
    """

    sources: tuple[str, ...] = ("bm25", "dense", "random")
    depth: Annotated[int, Field(ge=1, le=10_000)] = 100
    select: tuple[str, ...] = ("perc-pos:0.95",)
    reference: Literal["first", "nearest", "farthest", "mean"] = "nearest"
    language: str = "english"
    near_duplicate: Annotated[float, Field(gt=0, le=1)] | None = 0.8
    search: SearchMethod = SearchMethod.AUTO
    siblings: bool = False

    @model_validator(mode="before")
    @classmethod
    def _as_it_was_called(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "percentage_of_positive" not in values:
            return values
        # What configurations of earlier versions say.
        others = {key: value for key, value in values.items() if key != "percentage_of_positive"}
        return {"select": [f"perc-pos:{values['percentage_of_positive']}"], **others}

    @field_validator("sources")
    @classmethod
    def _known_sources(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        from syneg.mining.source_names import parse_sources

        return tuple(one.text for one in parse_sources(sources, field="mining.sources"))

    @field_validator("select")
    @classmethod
    def _known_rules(cls, select: tuple[str, ...]) -> tuple[str, ...]:
        from syneg.mining.rules import parse_rules

        rules = parse_rules(select, field="mining.select")
        for rule in rules:
            if rule.kind.sampler and rule.count is None:
                raise InputError(
                    "does not say how many candidates it leaves for each query and source",
                    field="mining.select",
                    value=rule.text,
                    remedy=f"write n too, such as {rule.name}:n=30",
                )
        return tuple(rule.text for rule in rules)

    @field_validator("language")
    @classmethod
    def _plain_language(cls, language: str) -> str:
        return language.strip().lower()


class SecondOpinionOptions(_Section):
    """A cross-encoder that looks at what the other filters let stand.

    It is measured as the judge is, by `judge.probes` and `judge.specificity_to_drop`.

    Attributes:
        model: A folder, or "hub:NAME"; None has none.
        decision: What follows for a negative above its threshold: "mark" or "drop".
    """

    model: str | None = None
    decision: Literal["mark", "drop"] = "mark"

    @field_validator("model")
    @classmethod
    def _whole_path(cls, model: str | None) -> str | None:
        return None if model is None else whole_path(model)


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
    judge: JudgeOptions = JudgeOptions()
    second_opinion: SecondOpinionOptions = SecondOpinionOptions()
    mixing: MixingOptions = MixingOptions()
    training: TrainingOptions = TrainingOptions()
    pilot: PilotOptions = PilotOptions()
    seed: Annotated[int, Field(ge=0)] = 0
    offline: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> RunConfig:
        if self.llm.recorded is not None and self.llm.server != "none" and not self.judge.enabled:
            raise ValueError(
                "llm: give recorded negatives or a language model, not both (unless it is to "
                "judge them: judge.enabled)"
            )
        if self.judge.enabled and self.llm.server == "none":
            raise ValueError("judge.enabled needs a language model to ask: give llm.server")
        return self

    @model_validator(mode="after")
    def _mined_what_is_mixed(self) -> RunConfig:
        from syneg.mining.source_names import parse_sources

        mined = parse_sources(self.mining.sources)
        names = {one.kind if one.path is None else f"{one.kind}-" for one in mined}
        drawn = {
            one if one in SOURCES else one.partition("-")[0] + "-" for one in self.mixing.sources
        }
        if self.mixing.retrieved and not names & drawn:
            raise ValueError(
                f"mixing.sources ({', '.join(self.mixing.sources)}) names nothing that "
                f"mining.sources ({', '.join(self.mining.sources)}) brings"
            )
        return self

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
