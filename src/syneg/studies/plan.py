"""What a study is made of: data sets, arms, seeds, and what is tuned."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from syneg.errors import InputError
from syneg.mixing.options import MixingOptions
from syneg.training.options import TrainingOptions

BASELINE = "unmodified"
"""The arm that every study has: the model as it is."""


_OWN_PARTS = {"bm25", "dense", "random", "mined"}
"""Names of the pool's own parts."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Arm(_Part):
    """One way of choosing negatives and learning from them.

    Attributes:
        name: Its name in tables.
        recorded: Which of the data set's files of recorded negatives are the synthetic ones.
        mixing: How many negatives of each kind, from which sources.
        training: Training options in which the arm differs from the plan's, such as
            {"loss": {"synthetic": "graded"}}.
        rewrite_share: Share of the positives that are replaced by a language model's
            rewrite, so that style does not tell positives from negatives.
        select: Use only synthetic negatives whose similarity to the query and length lie
            within the range of the mined ones.
        weigh: Weight synthetic negatives by 1 - probability of being recognised as such.
        grid: Values tried on the development split, by training option; the plan's if None.
    """

    name: Annotated[str, Field(min_length=1)]
    recorded: str | None = None
    mixing: MixingOptions = MixingOptions(synthetic=0, retrieved=0)
    training: dict[str, Any] = {}
    rewrite_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    select: bool = False
    weigh: bool = False
    grid: dict[str, list[Any]] | None = None

    @model_validator(mode="after")
    def _has_what_it_mixes(self) -> Arm:
        if self.mixing.synthetic and self.recorded is None:
            raise ValueError("an arm with synthetic negatives must name its recorded file")
        return self


class StudyData(_Part):
    """One data set of a study.

    Attributes:
        location: A BEIR folder, relative to the study's data folder.
        recorded: Files of recorded negatives by name, relative to the data folder.
        rewrites: File of rewritten positives, relative to the data folder.
    """

    location: str
    recorded: dict[str, str] = {}
    rewrites: str | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return Path(self.location).name


class StudyPlan(_Part):
    """Data sets × arms × seeds.

    Attributes:
        title: Heads the report.
        data: The data sets.
        arms: The arms; the unmodified model is always there.
        seeds: Seeds of the order of the data, dropout and draws.
        training: Training options of every arm.
        grid: Values of training options that are tried for every arm on the development
            split, with `tuning_seed`; the best is trained with `seeds`.
        tuning_seed: Not among the seeds that are reported, so that an arm with more choices
            gains nothing by the luck of the best.
        hypothesis: The comparison named in advance: the best of the first group of arms
            against the best of the second, both chosen on the development split.
        model: The starting model.
        depth: Candidates of each mined source per query.
        percentage_of_positive: Candidates above this share of the positive's similarity are
            taken for false negatives.
        development_share: Share of the training queries held out for choices.
        queries: Most training queries; None takes all with recorded negatives.
        documents: Most documents searched; None takes the whole corpus.
        precision: In which numbers cells are trained and measured.
    """

    title: str = "Study"
    data: Annotated[tuple[StudyData, ...], Field(min_length=1)]
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3)
    training: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}
    tuning_seed: int = 0
    hypothesis: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    model: str = "minilm"
    depth: Annotated[int, Field(ge=1)] = 200
    percentage_of_positive: Annotated[float, Field(gt=0, le=1)] = 0.95
    development_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    queries: Annotated[int, Field(ge=2)] | None = None
    documents: Annotated[int, Field(ge=10)] | None = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    @model_validator(mode="after")
    def _names_fit(self) -> StudyPlan:
        names = [arm.name for arm in self.arms]
        if BASELINE in names or len(set(names)) < len(names):
            raise ValueError(f"arms need different names, and none may be {BASELINE!r}")
        if any(not values for arm in self.arms for values in self.grid_of(arm).values()):
            raise ValueError("every training option of a grid needs at least one value")
        locations = [data.name for data in self.data]
        if len(set(locations)) < len(locations) or len(set(self.seeds)) < len(self.seeds):
            raise ValueError("data sets need different folder names, and seeds must differ")
        taken = {name for data in self.data for name in data.recorded} & _OWN_PARTS
        if taken:
            raise ValueError(f"recorded negatives must not be called {sorted(taken)[0]!r}")
        groups = self.hypothesis or (("",), ("-",))
        if not all(groups) or set(groups[0]) & set(groups[1]):
            raise ValueError("the hypothesis needs two groups of arms that share none")
        unknown = {name for group in self.hypothesis or () for name in group} - set(names)
        if unknown:
            raise ValueError(f"the hypothesis names no arm of the plan: {sorted(unknown)}")
        for arm in self.arms:
            for choice in self.choices(arm):
                try:
                    self.options(arm, choice)
                except ValidationError as error:
                    first = error.errors(include_url=False)[0]
                    field = ".".join(str(part) for part in first["loc"])
                    raise ValueError(
                        f"arm {arm.name!r}: training.{field}: {first['msg']}"
                    ) from error
        return self

    def choices(self, arm: Arm) -> list[dict[str, Any]]:
        """Return the combinations of the grid that are tried for an arm; at least one."""
        grid = self.grid_of(arm)
        return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]

    def grid_of(self, arm: Arm) -> dict[str, list[Any]]:
        """Return the values that are tried for an arm, by training option."""
        return self.grid if arm.grid is None else arm.grid

    def options(self, arm: Arm, choice: dict[str, Any]) -> TrainingOptions:
        """Return an arm's training options: the plan's, the grid's, then the arm's own."""
        content: dict[str, Any] = {"precision": self.precision}
        for part in (self.training, choice, arm.training):
            for key, value in part.items():
                if isinstance(value, dict) and isinstance(content.get(key), dict):
                    content[key] = {**content[key], **value}
                else:
                    content[key] = value
        return TrainingOptions.model_validate(content)


def read_plan(file: Path) -> StudyPlan:
    """Read a plan from YAML.

    Raises:
        InputError: The file is missing, is no YAML, or does not fit.
    """
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            f"the plan cannot be read: {error}", file=file, remedy="give a YAML file"
        ) from error
    try:
        return StudyPlan.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(
            first["msg"].removeprefix("Value error, "),
            file=file,
            field=".".join(str(part) for part in first["loc"]),
            value=None if isinstance(first["input"], dict) else first["input"],
            remedy="see the plans that come with syneg for the fields",
        ) from error
