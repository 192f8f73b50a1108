"""The configuration of a run: typed, read from YAML, overridable key by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from syneg.errors import InputError, nearest
from syneg.filters.options import GateOptions
from syneg.mixing.options import MixingOptions
from syneg.synthesis.options import SynthesisOptions
from syneg.training.options import TrainingOptions

HARMLESS = {
    "offline",
    "llm.concurrency",
    "training.checkpoint_seconds",
}
"""Keys that may differ when a run goes on: they change how, not what."""


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

    location: str = "pydocs"
    skip_unknown: bool = False
    train: str = "train"
    development: str = "dev"
    test: str = "test"
    development_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    development_most: Annotated[int, Field(ge=1)] = 300


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


class MiningOptions(_Section):
    """What is retrieved as candidate negatives.

    Attributes:
        depth: Candidates per query and source.
        percentage_of_positive: Candidates whose similarity to the query is above this share
            of the positive's are taken for false negatives (NV-Retriever, arXiv 2407.15831).
    """

    depth: Annotated[int, Field(ge=1, le=10_000)] = 30
    percentage_of_positive: Annotated[float, Field(gt=0, le=10)] = 0.95


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
    seed: Annotated[int, Field(ge=0)] = 0
    offline: bool = False


def load_config(
    file: Path | None = None,
    overrides: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Build a configuration from a YAML file, dotted values and `key=value` overrides.

    Later ones win: the file, then `values`, then `overrides`.

    Args:
        file: YAML with the sections of `RunConfig`; None for the defaults.
        overrides: For example "training.epochs=5"; the right side is read as YAML.
        values: Values by dotted key; None values are left out.

    Raises:
        InputError: The file cannot be read, a key is unknown (the nearest known one is
            named) or a value is out of range.

    Example:
        >>> load_config(overrides=["training.epochs=5"]).training.epochs
        5
        >>> load_config(overrides=["training.epoch=5"])
        Traceback (most recent call last):
        ...
        syneg.errors.InputError: configuration: field 'training.epoch': is no known key; \
did you mean 'training.epochs'?
    """
    content = {} if file is None else _read_yaml(file)
    for key, value in (values or {}).items():
        if value is not None:
            _put(content, key, value)
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            raise InputError("is not key=value", field="--set", value=text)
        try:
            _put(content, key.strip(), yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise InputError(
                "the value is not YAML", field="--set", value=text, remedy="put it in quotes"
            ) from error
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        raise _as_input_error(error, file) from error


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the keys in which two dumped configurations differ, as "key: old → new".

    Keys in `HARMLESS` are passed over.

    Example:
        >>> differences({"training": {"epochs": 3}}, {"training": {"epochs": 5}})
        ['training.epochs: 3 → 5']
    """
    first, second = _flat(before), _flat(after)
    return [
        f"{key}: {first.get(key)} → {second.get(key)}"
        for key in sorted({*first, *second} - HARMLESS)
        if first.get(key) != second.get(key)
    ]


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("there is no such configuration file", file=file) from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", file=file, remedy="save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=file) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise InputError("is not YAML", file=file, line=line, remedy="check the indent") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError("is not a mapping of sections", file=file, value=content)
    return content


def _put(content: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    place = content
    for section in sections:
        inner = place.setdefault(section, {})
        if not isinstance(inner, dict):
            raise InputError("is no section", field=section, value=inner)
        place = inner
    place[last] = value


def _as_input_error(error: ValidationError, file: Path | None) -> InputError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    place = file or "configuration"
    if first["type"] == "extra_forbidden":
        close = nearest(key, known_keys())
        remedy = f"did you mean '{close}'?" if close else "see `syneg run --help`"
        return InputError("is no known key", file=place, field=key, remedy=remedy)
    problem = str(first["msg"]).removeprefix("Value error, ")
    return InputError(problem, file=place, field=key, value=first["input"])


def known_keys() -> list[str]:
    """Return every key of the configuration, dotted, sections included."""
    keys: list[str] = []
    for name, section in RunConfig.model_fields.items():
        keys.append(name)
        inner = section.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += [f"{name}.{key}" for key in inner.model_fields]
    return keys


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
