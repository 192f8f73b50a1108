"""Profiles: the attribute pools of a data set and what relevance means there."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic import field_validator as validator

from syneg.errors import InputError, nearest

GENERIC = "generic"
"""Name of the profile for data sets that have none of their own."""

_Phrase = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_Pool = Annotated[tuple[_Phrase, ...], Field(min_length=1)]
_Lengths = Annotated[dict[_Phrase, Annotated[float, Field(gt=0, le=10)]], Field(min_length=1)]


class Profile(BaseModel):
    """The attribute constraints of the paper, and the facts about a collection.

    Attributes:
        domain_name: Fields of expertise, one drawn per call for the persona.
        difficulty_level: Levels of education needed to understand the text, one per call.
        length: Phrases that go before "the positive document", one per call, each with the
            length it stands for as a multiple of the positive's words; a plain list of
            phrases means 1.0 for each.
        style: One line on how the documents of the collection read.
        relevance: One or two sentences on when a document is relevant to a query.
        answer: What counts as an answer to a query, which no negative may hold.

    Example:
        >>> profile = Profile(domain_name=["Law"], difficulty_level=["Expert"],
        ...     length=["as long as"], style="court rulings", relevance="decides the question")
        >>> profile.length
        {'as long as': 1.0}
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain_name: _Pool
    difficulty_level: _Pool
    length: _Lengths
    style: _Phrase
    relevance: _Phrase
    answer: _Phrase = "what a person who typed the query wants to know or to find"

    @validator("length", mode="before")
    @classmethod
    def _list_means_same_length(cls, value: Any) -> Any:
        return dict.fromkeys(value, 1.0) if isinstance(value, (list, tuple)) else value


def packaged_profiles() -> list[str]:
    """Return the names of the profiles that come with syneg.

    Example:
        >>> packaged_profiles()
        ['covidqa', 'fiqa', 'generic', 'hotpotqa', 'msmarco', 'pydocs', 'quora', 'scifact']
    """
    found = (Path(one.name) for one in _folder().iterdir())
    return sorted(name.stem for name in found if name.suffix == ".yaml")


def load_profile(name_or_path: str) -> Profile:
    """Return a packaged profile by its name, or one from a YAML file.

    Args:
        name_or_path: "scifact", or the path of a YAML file. Whatever ends in .yaml or .yml
            or has a folder in it is a path.

    Raises:
        InputError: There is no such profile or file, the file is not YAML, or a key of it is
            missing, unknown or of the wrong kind.

    Example:
        >>> load_profile("scifact").domain_name[:2]
        ('Epidemiology', 'Public Health')
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or len(path.parts) > 1:
        return parse_profile(_read(path), str(path))
    known = packaged_profiles()
    if name_or_path not in known:
        close = nearest(name_or_path, known)
        hint = f"did you mean '{close}'? " if close else ""
        raise InputError(
            "there is no such profile",
            field="profile",
            value=name_or_path,
            remedy=f"{hint}packaged are {', '.join(known)}; or give the path of a .yaml file",
        )
    source = f"{name_or_path}.yaml"
    return parse_profile((_folder() / source).read_text(encoding="utf-8"), source)


def profile_for(dataset_name: str) -> Profile:
    """Return the packaged profile of a data set, or the generic one.

    A variant, whose name holds the other's as a word or as two, takes the same profile.

    Example:
        >>> profile_for("scifact-disjoint") == load_profile("scifact")
        True
        >>> profile_for("ms_marco") == load_profile("msmarco")
        True
        >>> profile_for("my-wiki") == load_profile("generic")
        True
    """
    known = packaged_profiles()
    words = re.split(r"[^a-z0-9]+", dataset_name.lower())
    joined = [first + second for first, second in pairwise(words)]
    return load_profile(next((word for word in [*words, *joined] if word in known), GENERIC))


def _folder() -> Traversable:
    return files("syneg.synthesis") / "profiles"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            "there is no such file",
            file=path,
            remedy=f"give the path of a YAML file or one of {', '.join(packaged_profiles())}",
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not UTF-8 at byte {error.start}", file=path, remedy="save it as UTF-8"
        ) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None


def parse_profile(text: str, source: str) -> Profile:
    """Return the profile that a YAML text holds.

    Args:
        text: The YAML text.
        source: Where it is from, for messages.

    Raises:
        InputError: It is not YAML, or a key is missing, unknown or of the wrong kind.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "malformed"
        raise InputError(
            f"is not YAML: {problem}",
            file=source,
            line=None if mark is None else mark.line + 1,
            remedy="quote values that hold ':' or '#'",
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            "is no mapping of keys to values",
            file=source,
            value=content,
            remedy=f"give it the keys {', '.join(Profile.model_fields)}",
        )
    try:
        return Profile.model_validate(content)
    except ValidationError as error:
        raise _as_input_error(error, source) from None


def _as_input_error(error: ValidationError, source: str) -> InputError:
    # A misspelt key is told before the key that is missing because of it.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    field = ".".join(map(str, first["loc"]))
    known = list(Profile.model_fields)
    if first["type"] == "extra_forbidden":
        close = nearest(field, known)
        remedy = f"did you mean '{close}'?" if close else f"known keys: {', '.join(known)}"
        return InputError("is an unknown key", file=source, field=field, remedy=remedy)
    if first["type"] == "missing":
        return InputError("is missing", file=source, field=field, remedy="add this key")
    problem = first["msg"][:1].lower() + first["msg"][1:]
    return InputError(
        problem,
        file=source,
        field=field,
        value=first["input"],
        remedy="a pool is a list with at least one phrase; style, relevance and answer are one "
        "text each",
    )
