"""The comparisons of a study as a reader sees them: tables in Markdown, and one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from syneg.evaluation.decision import chance
from syneg.evaluation.metrics import PRIMARY
from syneg.reporting.figures import Table
from syneg.reporting.results import METRIC_NAMES
from syneg.reporting.text import change, count, interval, p_value, percent, several, showable
from syneg.studies.arm_values import SLICES
from syneg.studies.results import CellResult
from syneg.studies.tables import ArmRow, ComparisonRow

METRIC_NAME = METRIC_NAMES[PRIMARY]
_SLICE_NAMES = {
    "all": "all queries",
    "seen": "positive seen in training",
    "unseen": "positive not seen",
}
_LIKELY = 0.05
_NONE = "–"


def slice_tables(rows: Sequence[ArmRow], baseline: str) -> list[Table]:
    """Return the tables of a data set, one per slice, from the rows of `arm_table`.

    Where no positive of a test query was trained on, the slice of unseen ones is all there is
    and is not shown a second time.
    """
    slices = {row.slice for row in rows}
    return [
        _slice_table([row for row in rows if row.slice == name], name, baseline)
        for name in SLICES
        if name in slices and not (name == "unseen" and "seen" not in slices)
    ]


def named_table(rows: Sequence[ComparisonRow], first: str, second: str) -> Table:
    """Return the rows of `comparison` as a table."""
    return Table(
        "The comparison named in advance",
        (
            "data", "slice", "queries", "seeds", as_code(first), as_code(second), "difference",
            "95% interval", "p", "resolvable",
        ),
        [
            [
                one_line(_data(row)),
                _SLICE_NAMES[row.slice],
                count(row.difference.queries),
                " / ".join(str(seeds) for seeds in row.difference.seeds),
                percent(row.difference.first),
                percent(row.difference.second),
                change(row.difference.difference),
                interval(row.difference.low, row.difference.high),
                p_value(row.difference.p_value),
                percent(row.difference.resolvable),
            ]
            for row in rows
        ],
        words=frozenset({1}),
    )  # fmt: skip


def reading(row: ComparisonRow, first: str, second: str) -> str:
    """Return what a comparison says, in a sentence that never claims more than it shows.

    Example:
        >>> from syneg.studies.statistics import ArmDifference
        >>> one = ArmDifference(300, (5, 5), 0.70, 0.71, 0.01, -0.005, 0.025, 0.21, 0.0075, 0.021,
        ...                     True)
        >>> print(reading(ComparisonRow(("scifact",), "all", one), "mined", "graded"))
        `graded` cannot be told from `mined`: the difference in nDCG@10 is +1.00 points on the \
300 test queries of scifact (95% interval −0.50 to +2.50, p = 0.210); about 2.10 points or more \
would be found in four of five such studies.
    """
    one = row.difference
    where = f"on the {several(one.queries, 'test query', 'test queries')} of {one_line(_data(row))}"
    evidence = f"(95% interval {interval(one.low, one.high)}, {chance({'p_value': one.p_value})})"
    names = as_code(second), as_code(first)
    if one.p_value < _LIKELY:
        word = "better" if one.difference > 0 else "worse"
        size = change(abs(one.difference)).lstrip("+")
        says = f"{names[0]} is {word} than {names[1]} by {size} points of {METRIC_NAME} {where}"
    else:
        says = (
            f"{names[0]} cannot be told from {names[1]}: the difference in {METRIC_NAME} is "
            f"{change(one.difference)} points {where}"
        )
    one_seed = "" if one.seeds_resampled else "; with one seed, this tells nothing of other seeds"
    return (
        f"{says} {evidence}; about {percent(one.resolvable)} points or more would be found in "
        f"four of five such studies{one_seed}."
    )


def instrument_tables(results: Sequence[CellResult]) -> list[Table]:
    """Return what the instruments say, one table per data set and instrument.

    Rows are arms, columns measures, values means over seeds. Only numbers are shown.
    """
    found: dict[tuple[str, str], dict[str, dict[str, list[float]]]] = {}
    for cell in results:
        for name, measures in cell.instruments.items():
            for measure, value in _numbers(measures):
                arms = found.setdefault((cell.dataset, name), {})
                arms.setdefault(cell.arm, {}).setdefault(measure, []).append(value)
    tables = []
    for (dataset, name), arms in found.items():
        columns = list(dict.fromkeys(measure for one in arms.values() for measure in one))
        rows = [
            [as_code(arm), *(_mean(by_measure.get(column)) for column in columns)]
            for arm, by_measure in arms.items()
        ]
        head = ("arm", *(one_line(column) for column in columns))
        tables.append(Table(f"{one_line(dataset)}: {one_line(name)}", head, rows))
    return tables


def one_line(text: str) -> str:
    r"""Return a name as Markdown can hold it, in a table too.

    Example:
        >>> print(one_line("a|b <c>"))
        a\|b &lt;c>
    """
    return " ".join(str(showable(text)).split()).replace("|", "\\|").replace("<", "&lt;")


def as_code(name: str) -> str:
    """Return a name as code in Markdown.

    Example:
        >>> as_code("mined")
        '`mined`'
    """
    line = " ".join(str(showable(name)).split())
    return "`" + line.replace("`", "'").replace("|", "\\|") + "`"


def _slice_table(rows: Sequence[ArmRow], name: str, baseline: str) -> Table:
    return Table(
        f"Test, {_SLICE_NAMES[name]} ({count(rows[0].queries)}), against {as_code(baseline)}",
        (
            "arm", "seeds", "mean", "deviation", "difference", "95% interval", "p", "p (Holm)",
            "resolvable",
        ),
        [
            [
                as_code(row.arm),
                str(row.seeds),
                percent(row.mean),
                percent(row.deviation),
                *_difference_cells(row),
            ]
            for row in rows
        ],
    )  # fmt: skip


def _difference_cells(row: ArmRow) -> list[str]:
    one = row.difference
    if one is None:
        return [_NONE] * 5
    return [
        change(one.difference),
        interval(one.low, one.high),
        p_value(one.p_value),
        _NONE if row.adjusted is None else p_value(row.adjusted),
        percent(one.resolvable),
    ]


def _data(row: ComparisonRow) -> str:
    return row.datasets[0] if len(row.datasets) == 1 else f"{len(row.datasets)} data sets, pooled"


def _numbers(measures: object) -> list[tuple[str, float]]:
    """Return the numbers of an instrument, those one level deeper under both names."""
    found = []
    for measure, value in measures.items() if isinstance(measures, dict) else ():
        if _is_number(value):
            found.append((measure, float(value)))
        for inner, number in value.items() if isinstance(value, dict) else ():
            if _is_number(number):
                found.append((f"{measure}: {inner}", float(number)))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _mean(values: list[float] | None) -> str:
    if not values:
        return _NONE
    mean = float(np.mean(values))
    return (f"{mean:,.0f}" if abs(mean) >= 1000 else f"{mean:.4g}").replace("-", "−")
