"""The numbers of a study as comma-separated values, for a spreadsheet or a program."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from syneg.studies.arm_values import SLICES, STUDY_METRICS, arm_values
from syneg.studies.results import CellResult
from syneg.studies.statistics import ArmDifference
from syneg.studies.tables import ArmRow, ComparisonRow

_CELL = ("dataset", "arm", "seed", "split", "slice", "queries", *STUDY_METRICS)
_COMPARISON = (
    "kind", "datasets", "slice", "first", "second", "queries", "first_seeds", "second_seeds",
    "first_mean", "second_mean", "difference", "low", "high", "standard_error", "resolvable",
    "p_value", "p_value_holm", "seeds_resampled",
)  # fmt: skip


def cell_sheet(results: Sequence[CellResult]) -> str:
    """Return one line per cell, split and slice, with the mean of every metric in points.

    Slices without queries are left out.
    """
    rows = []
    for cell in results:
        for split in dict.fromkeys(cell.per_query["split"].to_pylist()):
            measured = {
                metric: arm_values([cell], cell.dataset, cell.arm, split, metric)
                for metric in STUDY_METRICS
            }
            for name in SLICES:
                values = [one.of_slice(name) for one in measured.values()]
                queries = values[0].shape[1]
                if queries:
                    means = [_points(float(one.mean())) for one in values]
                    rows.append((cell.dataset, cell.arm, cell.seed, split, name, queries, *means))
    return _sheet(_CELL, rows)


def comparison_sheet(
    tables: Mapping[str, Sequence[ArmRow]],
    baseline: str,
    named: Sequence[ComparisonRow],
    hypothesis: tuple[str, str] | None,
) -> str:
    """Return one line per comparison: those named in advance, then those with the baseline.

    Args:
        tables: The rows of `syneg.studies.tables.arm_table` by data set.
        baseline: The arm that the rows were compared with.
        named: The rows of `syneg.studies.tables.comparison`.
        hypothesis: The two arms of the latter.
    """
    rows: list[tuple[object, ...]] = []
    if hypothesis:
        rows += [
            ("named", " + ".join(one.datasets), one.slice, *hypothesis, *_cells(one.difference))
            for one in named
        ]
    rows += [
        ("baseline", dataset, row.slice, baseline, row.arm, *_cells(row.difference, row.adjusted))
        for dataset, table in tables.items()
        for row in table
        if row.difference is not None
    ]
    return _sheet(_COMPARISON, rows)


def _cells(one: ArmDifference, adjusted: float | None = None) -> tuple[object, ...]:
    numbers = (
        one.first, one.second, one.difference, one.low, one.high, one.standard_error,
        one.resolvable,
    )  # fmt: skip
    return (
        one.queries,
        *one.seeds,
        *(_points(number) for number in numbers),
        f"{one.p_value:.4f}",
        "" if adjusted is None else f"{adjusted:.4f}",
        one.seeds_resampled,
    )


def _points(value: float) -> str:
    # Two digits more than the tables show, for those who go on reckoning.
    return f"{100 * value:.4f}"


def _sheet(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
