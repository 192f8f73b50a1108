"""Where the marks of a figure go: places across in percent of the width, down in pixels.

Places across are shares of the width so that figures grow and shrink with the page while
their letters keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

_MOST_POINTS = 60


@dataclass(frozen=True)
class Table:
    """A table of ready texts; the first column names the rows.

    Attributes:
        caption: What the table shows.
        head: Names of the columns.
        rows: Cells by row.
        words: Columns, counted from 0, that hold words and not numbers; the first always does.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    place: float
    label: str


@dataclass(frozen=True)
class Figure:
    """What every figure has.

    Attributes:
        kind: The macro that draws it.
        name: Unique on the page; ids are made from it.
        title: Short title, also read to those who do not see the figure.
        description: What can be seen in it, in a sentence.
        height: In pixels.
        table: The same numbers as a table.
    """

    kind: ClassVar[str]

    name: str
    title: str
    description: str
    height: int
    table: Table


@dataclass(frozen=True)
class Interval:
    """One row of an interval plot; places in percent across, y in pixels."""

    label: str
    value: str
    low: float
    middle: float
    high: float
    y: int


@dataclass(frozen=True)
class IntervalPlot(Figure):
    """Differences with their intervals, one below the other, and a line at zero."""

    kind: ClassVar[str] = "intervals"

    rows: list[Interval]
    ticks: list[Tick]
    zero: float


@dataclass(frozen=True)
class Point:
    """A point of a curve: x in percent, y in pixels; `best` gets a mark of its own shape."""

    x: float
    y: float
    label: str
    best: bool = False


@dataclass(frozen=True)
class Curve(Figure):
    """One curve, with a labelled horizontal line to compare it with where there is one."""

    kind: ClassVar[str] = "curve"

    points: list[Point]
    across: list[Tick]
    up: list[Tick]
    x_name: str
    reference: Tick | None = None
    dots: bool = True


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram; x and width in percent, y and height in pixels."""

    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True)
class Panel:
    """One histogram of several below each other."""

    label: str
    note: str
    top: int
    base: int
    bars: list[Bar]
    median: float


@dataclass(frozen=True)
class Histograms(Figure):
    """Histograms over the same axis, one below the other."""

    kind: ClassVar[str] = "histograms"

    panels: list[Panel]
    ticks: list[Tick]
    x_name: str


@dataclass(frozen=True)
class Scale:
    """A straight map from values to places.

    Example:
        >>> Scale(0, 10, 20, 40)(5)
        30.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; all of an empty range lies in the middle."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 3)


def round_numbers(low: float, high: float, most: int = 6) -> list[float]:
    """Return evenly spaced round numbers that span a range, ends included.

    Example:
        >>> round_numbers(-0.3, 4.6)
        [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        >>> round_numbers(2, 2)
        [1.0, 1.5, 2.0, 2.5, 3.0]
    """
    if high <= low:
        low, high = low - 1, low + 1
    rough = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * one for one in (1, 2, 5, 10) if unit * one >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def whole_numbers(low: int, high: int, most: int = 6) -> list[int]:
    """Return at most about `most` whole numbers from `low` up to `high`.

    Example:
        >>> whole_numbers(1, 3), whole_numbers(0, 46)
        ([1, 2, 3], [0, 10, 20, 30, 40])
    """
    if high - low < most:
        return list(range(low, high + 1))
    step = max(1, int(round_numbers(0, high - low, most)[1]))
    first = -(-low // step) * step
    return list(range(first, high + 1, step))


def thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return means over neighbours, so that a long curve has few points.

    Args:
        points: (step, value), in order.

    Example:
        >>> len(thinned([(step, 1.0) for step in range(1000)]))
        60
    """
    if len(points) <= _MOST_POINTS:
        return list(points)
    groups = np.array_split(np.arange(len(points)), _MOST_POINTS)
    return [
        (points[int(group[-1])][0], float(np.mean([points[int(place)][1] for place in group])))
        for group in groups
    ]


def shares(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> list[float]:
    """Return the share of the values in each bin.

    Example:
        >>> shares(np.array([0.1, 0.6, 0.7, 0.9]), np.array([0.0, 0.5, 1.0]))
        [0.25, 0.75]
    """
    counts = np.histogram(values, edges)[0]
    return [float(one) / max(1, len(values)) for one in counts]
