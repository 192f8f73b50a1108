"""The one way in which templates become pages, figures and Markdown."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from syneg.reporting.text import showable


def template_environment(folder: Path, *, autoescape: bool = True) -> Environment:
    """Return the environment of the templates in a folder.

    What cannot stand in a page is replaced on the way out, and a name that is not given is an
    error.

    Args:
        folder: Where the templates are.
        autoescape: Whether all texts are escaped, as HTML and SVG need it.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=autoescape,
        finalize=showable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
