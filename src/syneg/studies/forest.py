"""The figure of a study: each arm's difference from the starting model, with its interval."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from syneg.reporting.figures import Scale, Tick, round_numbers
from syneg.reporting.templates import template_environment
from syneg.reporting.text import change, count, interval
from syneg.studies.statistics import ArmDifference
from syneg.studies.tables import ArmRow

_WIDTH = 860
_LEFT, _RIGHT = 240, 650
_FIRST_KEY, _KEY = 56, 20
_ROW, _BETWEEN_ARMS = 24, 12
_LONGEST_LABEL = 30
_KINDS = {"all": "all queries", "unseen": "queries whose positives were not trained on"}


@dataclass(frozen=True)
class Key:
    """What a mark stands for."""

    kind: str
    label: str
    y: int


@dataclass(frozen=True)
class ForestRow:
    """One interval; places in pixels. The first row of an arm has its name, in lines."""

    kind: str
    label: list[str]
    value: str
    low: float
    middle: float
    high: float
    y: int


@dataclass(frozen=True)
class Forest:
    """Intervals of several arms, one below the other, and a line at zero; places in pixels."""

    title: str
    description: str
    width: int
    height: int
    top: int
    base: int
    centre: int
    x_name: str
    keys: list[Key]
    ticks: list[Tick]
    rows: list[ForestRow]


def forest(rows: Sequence[ArmRow], *, title: str, metric: str, baseline: str) -> str | None:
    """Draw the differences of a data set's arms from the baseline arm.

    Args:
        rows: The rows of `syneg.studies.tables.arm_table`; those of seen queries are left out.
        title: Title of the figure.
        metric: Name of the metric, as written on the axis.
        baseline: Name of the arm from which the others differ.

    Returns:
        The figure as SVG that needs nothing else, in light or dark as the reader's screen is;
        None where no row has a difference.
    """
    shown = [(row, row.difference) for row in rows if row.slice in _KINDS and row.difference]
    if not shown:
        return None
    queries = {row.slice: row.queries for row, _ in shown}
    keys = [
        Key(kind, f"{_KINDS[kind]} ({count(number)})", _FIRST_KEY + _KEY * place)
        for place, (kind, number) in enumerate(queries.items())
    ]
    top = keys[-1].y + 12
    ends = [100 * end for _, one in shown for end in (one.low, one.high)]
    numbers = round_numbers(min(0.0, *ends), max(0.0, *ends))
    scale = Scale(numbers[0], numbers[-1], _LEFT, _RIGHT)
    placed, base = _placed(shown, scale, top)
    figure = Forest(
        title=title,
        description=f"Each mark is the mean difference of an arm from {baseline} over queries and "
        "seeds, the line its 95% interval. An interval that crosses zero leaves open whether "
        "there is a difference.",
        width=_WIDTH,
        height=base + 56,
        top=top,
        base=base,
        centre=(_LEFT + _RIGHT) // 2,
        x_name=f"{metric} minus that of {baseline}, in points",
        keys=keys,
        ticks=[Tick(scale(one), f"{one:+g}".replace("-", "−") if one else "0") for one in numbers],
        rows=placed,
    )
    environment = template_environment(Path(__file__).parent)
    return environment.get_template("forest.jinja2").render(one=figure).lstrip() + "\n"


def _placed(
    shown: Sequence[tuple[ArmRow, ArmDifference]], scale: Scale, top: int
) -> tuple[list[ForestRow], int]:
    placed: list[ForestRow] = []
    y = top
    for arm in dict.fromkeys(row.arm for row, _ in shown):
        label = textwrap.wrap(arm, _LONGEST_LABEL, max_lines=2, placeholder="…")
        y += _BETWEEN_ARMS
        for row, one in shown:
            if row.arm != arm:
                continue
            placed.append(
                ForestRow(
                    kind=row.slice,
                    label=label,
                    value=f"{change(one.difference)}  ({interval(one.low, one.high)})",
                    low=scale(100 * one.low),
                    middle=scale(100 * one.difference),
                    high=scale(100 * one.high),
                    y=y,
                )
            )
            label = []
            y += _ROW
    return placed, y
