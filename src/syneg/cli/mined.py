"""What `syneg mine` shows: how near negatives are, what was removed, and why for one query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from syneg.cli.console import out

if TYPE_CHECKING:
    from syneg.mining.alone import Mined
    from syneg.mining.explain import Explained, Explanation

# What the other columns of an explanation take.
_OTHERS = 90
_SHORTEST = 24
_WIDTH = 160
_WORDS = ("", "reason", "source", "document", "positive", "against it", "text")
# What moves a terminal's cursor or hides text has no place in a table.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")


def summary_tables(mined: Mined) -> list[Table]:
    """Return the similarities' distribution and what each reason removed."""
    from syneg.mining.statistics import MOMENTS, removed_rows, similarity_rows

    tables = []
    near = similarity_rows(mined)
    if near:
        table = _table("Similarity to the query", ("", *MOMENTS))
        for name, values in near.items():
            cells = (f"{values[one]:.3f}" if one in values else "" for one in MOMENTS[1:])
            table.add_row(name, f"{values['count']:.0f}", *cells)
        tables.append(table)
    total = len(mined.selection.candidates)
    table = _table(f"What removed candidates, of {total:,}", ("reason", "removed", "share"))
    for reason, (count, share) in removed_rows(mined).items():
        table.add_row(Text(reason), f"{count:,}", f"{100 * share:.1f}%")
    tables.append(table)
    return tables


def summary_lines(mined: Mined) -> list[str]:
    """Return how many queries have what was asked for, and why others have not."""
    from syneg.mining.statistics import too_few

    selection = mined.selection
    counts = selection.chosen_counts
    lines = [
        f"{int(counts.sum()):,} negatives for {int((counts > 0).sum()):,} of {len(counts):,} "
        f"queries; {mined.reference.value} positive as the reference."
    ]
    for name, told in mined.searches.items():
        if "recall" in told:
            lines.append(
                f"{name}: searched by {told['method']}, which finds {told['recall']:.4f} of what "
                f"exact search finds ({told['sampled_queries']:,} queries were compared)."
            )
    short = too_few(mined)
    if short:
        why = ", ".join(f"{count:,} {_why(name)}" for name, count in short.items())
        lines.append(
            f"{sum(short.values()):,} queries have fewer than {selection.wanted}, by what "
            f"removed most of their candidates: {why}."
        )
    return lines


def explanation_tables(explanation: Explanation) -> list[Table]:
    """Return a query's positives and candidates, a row each."""
    known = _table(
        f"Query {_plain(explanation.query_id)}: {_plain(explanation.query)}",
        ("positive", "similarity", "text"),
    )
    for one in explanation.positives:
        known.add_row(Text(_plain(one.doc_id)), _number(one.similarity), _beginning(one.text))
    held = explanation.reference
    title = "Candidates" if held is None else f"Candidates, held against {held:.3f}"
    names = ("", "source", "rank", "score", "similarity", "document", "against it", "text")
    found = _table(title, names)
    for one in explanation.candidates:
        found.add_row(*_cells(one))
    return [known, found]


def print_wide(table: Table) -> None:
    """Print a table of texts, wider than a terminal where it goes elsewhere."""
    Console(soft_wrap=True, emoji=False, width=_width()).print(table)


def _cells(one: Explained) -> list[Text | str]:
    return [
        "chosen" if one.chosen else "",
        Text(_plain(one.source)),
        "" if one.rank is None else str(one.rank),
        _number(one.score),
        _number(one.similarity),
        Text(_plain(one.doc_id)),
        Text(_plain("; ".join(one.against))),
        _beginning(one.text),
    ]


def _why(reason: str) -> str:
    return "with too few found" if reason == "not found" else f"by {reason}"


def _table(title: str, names: tuple[str, ...]) -> Table:
    table = Table(title=Text(title), title_justify="left")
    for name in names:
        justify: JustifyMethod = "left" if name in _WORDS else "right"
        wraps = name in ("document", "positive", "against it", "text")
        table.add_column(name, justify=justify, overflow="fold", no_wrap=not wraps)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _width() -> int:
    return out.width if out.is_terminal else _WIDTH


def _beginning(text: str) -> Text:
    """Return as much of a text as a row has room for."""
    plain, room = _plain(text), max(_SHORTEST, _width() - _OTHERS)
    return Text(plain if len(plain) <= room else plain[: room - 1] + "…")


def _plain(text: str) -> str:
    """Return a text in one line, without what is no text."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())
