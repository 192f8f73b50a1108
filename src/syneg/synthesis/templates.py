"""The prompt files: loading, rendering, and what of them takes part in a prompt."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template, meta


class Messages(NamedTuple):
    """The two messages of one call."""

    system: str
    user: str


@cache
def template_source(name: str) -> str:
    """Return the text of a prompt file.

    Args:
        name: "syneg.system", or the name of a part that several prompts include.
    """
    source = files("syneg.synthesis") / "prompts" / f"{name}.jinja2"
    return source.read_text(encoding="utf-8")


def template_sources(*parts: str) -> dict[str, str]:
    """Return the texts of all files that take part in prompts, by name.

    Args:
        parts: Names of prompts, each a pair of files for the system and the user message.

    Example:
        >>> sorted(template_sources("syneg"))[:2]
        ['caution', 'collection']
    """
    found: dict[str, str] = {}
    waiting = [f"{part}.{role}" for part in parts for role in ("system", "user")]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = template_source(name)
            parsed = _environment().parse(found[name])
            waiting += [_plain(one) for one in meta.find_referenced_templates(parsed) if one]
    return found


def render(name: str, **values: Any) -> str:
    """Return the text of a prompt file with values filled in.

    Blank lines at both ends are trimmed. A value that is missing is an error; values are
    filled in as they are, so texts of others must have gone through `as_data`.

    Args:
        name: For example "syneg.user".
        values: What the file asks for.
    """
    return _template(name).render(**values).strip()


@cache
def _environment() -> Environment:
    # The files are this package's own; texts of others are filled in and never read as templates.
    return Environment(
        loader=FunctionLoader(lambda name: template_source(_plain(name))),
        undefined=StrictUndefined,
        autoescape=False,
        # Tags stand on lines of their own, which leave nothing behind.
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


def _plain(name: str) -> str:
    return name.removesuffix(".jinja2")
