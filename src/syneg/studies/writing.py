"""The written result of a study: a page of tables, figures, and the numbers as sheets."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from syneg.errors import InputError
from syneg.files import write_text
from syneg.reporting.figures import Table
from syneg.reporting.templates import template_environment
from syneg.reporting.text import several
from syneg.studies.arm_values import arms_of, datasets_of
from syneg.studies.forest import forest
from syneg.studies.plan import BASELINE
from syneg.studies.results import CellResult
from syneg.studies.sheets import cell_sheet, comparison_sheet
from syneg.studies.shown import (
    METRIC_NAME,
    as_code,
    instrument_tables,
    named_table,
    one_line,
    reading,
    slice_tables,
)
from syneg.studies.tables import ArmRow, arm_table, comparison

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class StudyReportPlan:
    """What the written result of a study says beside its numbers.

    Attributes:
        title: Title of the page.
        commands: Commands that repeat the study, one a line.
        baseline: The arm that the others are compared with: the starting model.
        hypothesis: The one comparison named in advance: the best mined arm and the best remedy,
            chosen on the development split.
        notes: Paragraphs of Markdown under the title.
        planned: Cells that the study is to have, as (data set, arm, seed); without them, an
            arm is expected on every data set with all the seeds that it has anywhere.
    """

    title: str
    commands: tuple[str, ...] = ()
    baseline: str = BASELINE
    hypothesis: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()
    planned: tuple[tuple[str, str, int], ...] = ()


def write_study(
    results: Sequence[CellResult], folder: Path, *, plan: StudyReportPlan
) -> list[Path]:
    """Write the result of a study, also of one that is not finished.

    The folder gets `results.md`, `cells.csv`, `comparisons.csv` and, for each data set on which
    the baseline was measured, a figure in `figures`. All comparisons are on the test split.

    Args:
        results: The cells that are done, in the order in which arms shall be listed.
        folder: Where the files go; those of an earlier writing are replaced.
        plan: What stands beside the numbers.

    Returns:
        The files.

    Raises:
        InputError: There is no cell, or cells of one data set did not measure the same queries.
    """
    if not results:
        raise InputError("the study has no finished cell", remedy="run it first")
    tables = {
        dataset: arm_table(results, dataset, baseline=plan.baseline, hypothesis=plan.hypothesis)
        for dataset in datasets_of(results)
    }
    both = set(plan.hypothesis or ())
    common = [one for one in tables if both and both <= set(arms_of(results, one))]
    named = comparison(results, common, plan.hypothesis) if plan.hypothesis and common else []
    texts = {
        "cells.csv": cell_sheet(results),
        "comparisons.csv": comparison_sheet(tables, plan.baseline, named, plan.hypothesis),
    }
    sections = []
    for dataset, rows in tables.items():
        title = f"{dataset}: {METRIC_NAME}, difference from {plan.baseline}"
        figure = forest(rows, title=title, metric=METRIC_NAME, baseline=plan.baseline)
        file = _figure_file(dataset, texts)
        if figure:
            texts[file] = figure
        sections.append(
            {
                "title": one_line(dataset),
                "figure": file if figure else None,
                "figure_text": one_line(title),
                "tables": [*slice_tables(rows, plan.baseline), *_against(results, dataset, plan)],
            }
        )
    first, second = plan.hypothesis or ("", "")
    texts["results.md"] = (
        # Markdown, not HTML: names are made harmless where they are put into tables.
        template_environment(Path(__file__).parent, autoescape=False)
        .get_template("study.jinja2")
        .render(
            plan=plan,
            metric=METRIC_NAME,
            baseline=as_code(plan.baseline),
            first=as_code(first),
            second=as_code(second),
            reading=reading(named[0], first, second) if named else None,
            named=named_table(named, first, second) if named else None,
            lacking=[one_line(one) for one in tables if one not in common],
            sections=sections,
            instruments=instrument_tables(results),
            missing=[
                (one_line(one), as_code(arm), seed) for one, arm, seed in _missing(results, plan)
            ],
            one_seed=_with_one_seed(tables, plan.baseline),
        )
    )
    for name, text in texts.items():
        write_text(folder / name, text)
    _LOGGER.info("wrote the result of %s to %s", several(len(results), "cell"), folder)
    return [folder / name for name in texts]


def _against(results: Sequence[CellResult], dataset: str, plan: StudyReportPlan) -> list[Table]:
    """Return the tables against the first arm of the comparison that was named in advance."""
    first = plan.hypothesis[0] if plan.hypothesis else plan.baseline
    if first == plan.baseline or first not in arms_of(results, dataset):
        return []
    rows = arm_table(results, dataset, baseline=first, hypothesis=plan.hypothesis)
    return slice_tables(rows, first)


def _missing(results: Sequence[CellResult], plan: StudyReportPlan) -> list[tuple[str, str, int]]:
    done = {(one.dataset, one.arm, one.seed) for one in results}
    expected = plan.planned or [
        (dataset, arm, seed)
        for dataset in datasets_of(results)
        for arm in arms_of(results)
        for seed in sorted({one.seed for one in results if one.arm == arm})
    ]
    return [cell for cell in expected if cell not in done]


def _with_one_seed(tables: Mapping[str, Sequence[ArmRow]], baseline: str) -> list[str]:
    # The starting model is not trained: its one seed is all there is to know of it.
    rows = [row for table in tables.values() for row in table]
    return list(
        dict.fromkeys(as_code(row.arm) for row in rows if row.seeds == 1 and row.arm != baseline)
    )


def _figure_file(dataset: str, taken: dict[str, str]) -> str:
    name = re.sub(r"[^\w-]+", "-", dataset).strip("-") or "data"
    while f"figures/{name}.svg" in taken:
        name += "-2"
    return f"figures/{name}.svg"
