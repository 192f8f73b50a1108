"""Reading the configuration of a run: YAML, overridable key by key, compared with another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from syneg.errors import InputError, nearest
from syneg.pipeline.options import RunConfig

__all__ = ["HARMLESS", "RunConfig", "differences", "known_keys", "load_config"]

HARMLESS = {
    "offline",
    "model.device",
    "llm.concurrency",
    "llm.endpoints",
    "llm.requests_per_minute",
    "llm.tokens_per_minute",
    "llm.timeout",
    "llm.input_price",
    "llm.output_price",
    "llm.journal",
    "training.checkpoint_seconds",
}
"""Keys that may differ when a run goes on: they change how, not what."""


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


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the keys in which two dumped configurations differ, with both values.

    Keys in `HARMLESS` are passed over.

    Example:
        >>> differences({"training": {"epochs": 3}}, {"training": {"epochs": 5}})
        {'training.epochs': (3, 5)}
    """
    # A key that came with a later version had its default before.
    first = {**_flat(RunConfig().model_dump(mode="json")), **_flat(before)}
    second = {**_flat(RunConfig().model_dump(mode="json")), **_flat(after)}
    return {
        key: (first.get(key), second.get(key))
        for key in sorted({*first, *second} - HARMLESS)
        if first.get(key) != second.get(key)
    }


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
    # Of a whole section the value would say nothing.
    value = None if isinstance(first["input"], (dict, BaseModel)) else first["input"]
    # What concerns several sections has no key of its own; its text names them.
    return InputError(problem, file=place, field=key or None, value=value)


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
