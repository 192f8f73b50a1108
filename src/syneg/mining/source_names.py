"""Sources as one writes them: `bm25`, `dense`, `fusion:bm25+dense`, `run:FILE`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from syneg.errors import InputError, nearest

FORMS = {
    "random": "random",
    "bm25": "bm25",
    "dense": "dense",
    "fusion": "fusion:bm25+dense",
    "run": "run:FILE",
    "judged": "judged",
    "earlier": "earlier:FILE",
}
"""Every kind of source, and how it is written."""

_WITH_PATH = ("run", "earlier")


@dataclass(frozen=True)
class SourceName:
    """A source as it was named.

    Attributes:
        kind: A key of `FORMS`.
        path: The file of a `run` or `earlier`.
        parts: What a `fusion` is made of.
    """

    kind: str
    path: Path | None = None
    parts: tuple[SourceName, ...] = ()

    @property
    def text(self) -> str:
        """The source as one writes it, with whole paths."""
        if self.kind == "fusion":
            return "fusion:" + "+".join(part.text for part in self.parts)
        return self.kind if self.path is None else f"{self.kind}:{self.path}"

    @property
    def encodes(self) -> bool:
        """Whether it needs an encoder."""
        return self.kind == "dense" or any(part.encodes for part in self.parts)


def parse_sources(texts: Sequence[str], *, field: str = "sources") -> tuple[SourceName, ...]:
    """Read the names of sources.

    Args:
        texts: For example ["bm25", "dense", "fusion:bm25+dense", "run:bm25.trec"].
        field: What errors call the place.

    Raises:
        InputError: There is no such source (the nearest one is named), one stands twice, or
            none is named.

    Example:
        >>> [one.text for one in parse_sources(["dense", "fusion:bm25+dense"])]
        ['dense', 'fusion:bm25+dense']
        >>> parse_sources(["densse"])
        Traceback (most recent call last):
        ...
        syneg.errors.InputError: field 'sources': there is no such source (got 'densse'); \
did you mean 'dense'?
    """
    names = tuple(_parse(text.strip(), field) for text in texts)
    if not names:
        raise InputError(
            "no source is named", field=field, remedy=f"one of: {', '.join(FORMS.values())}"
        )
    for name in names:
        if names.count(name) > 1:
            raise InputError("the source stands twice", field=field, value=name.text)
    return names


def _parse(text: str, field: str) -> SourceName:
    kind, colon, rest = text.partition(":")
    if kind not in FORMS:
        close = nearest(kind, FORMS)
        remedy = f"did you mean '{FORMS[close]}'?" if close else f"one of: {', '.join(FORMS)}"
        raise InputError("there is no such source", field=field, value=text, remedy=remedy)
    takes_more = kind in (*_WITH_PATH, "fusion")
    if takes_more != bool(rest) or (colon and not rest):
        raise InputError(
            "the source is not written as it should be",
            field=field,
            value=text,
            remedy=f"write it like {FORMS[kind]}",
        )
    if kind == "fusion":
        parts = tuple(_parse(part, field) for part in rest.split("+"))
        if len(parts) < 2 or any(part.kind == "fusion" for part in parts):
            raise InputError(
                "a fusion is made of at least two sources",
                field=field,
                value=text,
                remedy=f"write it like {FORMS[kind]}",
            )
        if len(set(parts)) < len(parts):
            raise InputError("the source stands twice in a fusion", field=field, value=text)
        return SourceName(kind, parts=parts)
    # A run may go on from another working directory.
    return SourceName(kind, Path(rest).resolve() if kind in _WITH_PATH else None)
