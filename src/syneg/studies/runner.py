"""Running a study: every cell that is not done yet, and the report over all."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from syneg.errors import InputError
from syneg.files import write_json
from syneg.pipeline.manifest import run_folder
from syneg.progress import Progress, SilentProgress, Task
from syneg.studies.cell import run_cell
from syneg.studies.ground import Ground, prepare
from syneg.studies.plan import BASELINE, Arm, StudyData, StudyPlan
from syneg.studies.results import CellResult
from syneg.training.options import TrainingOptions

logger = logging.getLogger(__name__)
_TRIED = ("dataset", "arm", "development", "chosen")


@dataclass(frozen=True)
class StudyResult:
    """What a study came to.

    Attributes:
        cells: One result for every data set, arm and seed, with the choice made on the
            development split.
        tried: One row for every choice of every arm: the development nDCG@10 it reached.
    """

    cells: tuple[CellResult, ...]
    tried: tuple[dict[str, Any], ...]


def run_study(
    plan: StudyPlan,
    data_folder: Path,
    output: Path,
    *,
    progress: Progress | None = None,
) -> StudyResult:
    """Do every cell of a plan that is not done yet.

    Cells are kept under `output/cells`, named by the hash of all that decides them: a study
    that was killed goes on, and one with another arm or seed repeats nothing. Each arm's
    choices from the grid are trained with the tuning seed, and the one with the best mean
    nDCG@10 on the development split with the others; the test split chooses nothing.

    Args:
        plan: Data sets, arms, seeds.
        data_folder: What the plan's locations are relative to.
        output: The study's folder.
        progress: Shows cells and steps.

    Raises:
        InputError: A data set or an arm is missing or not valid, or another process works in
            `output`.
    """
    arms = plan.arms
    _check_recorded(plan.data, arms)
    shown = progress or SilentProgress()
    with run_folder(output) as folder:
        write_json(folder / "plan.json", plan.model_dump(mode="json"))
        tries = (len(plan.choices(arm)) for arm in arms)
        each = 1 + sum(len(plan.seeds) + (number if number > 1 else 0) for number in tries)
        cells: list[CellResult] = []
        tried: list[dict[str, Any]] = []
        with shown.task("cells", total=each * len(plan.data)) as task:
            for data in plan.data:
                ground = prepare(data, plan, data_folder, folder / "data", shown)
                one = _DataSet(plan, ground, folder / "cells", shown, task)
                cells.append(one.cell(None, TrainingOptions(), plan.seeds[0]))
                for arm in arms:
                    done, rows = one.arm(arm)
                    cells += done
                    tried += rows
    return StudyResult(tuple(cells), tuple(tried))


@dataclass(frozen=True)
class _DataSet:
    plan: StudyPlan
    ground: Ground
    folder: Path
    progress: Progress
    task: Task

    def cell(self, arm: Arm | None, options: TrainingOptions, seed: int) -> CellResult:
        self.task.describe(f"{self.ground.name}: {arm.name if arm else 'as it is'}, seed {seed}")
        result = run_cell(self.ground, arm, options, seed, self.folder, self.progress)
        logger.info(
            "%s, %s, seed %d: development nDCG@10 %.2f",
            result.dataset,
            result.arm,
            seed,
            100 * development_score(result),
        )
        self.task.advance()
        return result

    def arm(self, arm: Arm) -> tuple[list[CellResult], list[dict[str, Any]]]:
        choices = self.plan.choices(arm)
        scores = [0.0]
        if len(choices) > 1:
            options = [self.plan.options(arm, choice) for choice in choices]
            tuned = [self.cell(arm, one, self.plan.tuning_seed) for one in options]
            scores = [development_score(one) for one in tuned]
        best = int(np.argmax(scores))
        rows = [
            {
                "dataset": self.ground.name,
                "arm": arm.name,
                **choice,
                "development": 100 * score,
                "chosen": number == best,
            }
            for number, (choice, score) in enumerate(zip(choices, scores, strict=True))
            if len(choices) > 1
        ]
        options_chosen = self.plan.options(arm, choices[best])
        return [self.cell(arm, options_chosen, seed) for seed in self.plan.seeds], rows


def development_score(result: CellResult) -> float:
    """Return a cell's mean nDCG@10 on the development split, in [0, 1]."""
    table = result.per_query
    scores = table.filter(pc.equal(table["split"], "development"))["ndcg@10"]
    return float(pc.mean(scores).as_py() or 0.0)


def write_results(
    result: StudyResult, plan: StudyPlan, output: Path, *, commands: Sequence[str] = ()
) -> Path:
    """Write the report over a study's cells, and what was tried on the development split.

    Args:
        result: The cells.
        plan: The plan that they are of.
        output: Gets `results.md`, `cells.csv`, `comparisons.csv`, `tried.csv` and figures.
        commands: How the study was made, for the report.

    Returns:
        The path of `results.md`.
    """
    from syneg.studies.tables import choose_on_development
    from syneg.studies.writing import StudyReportPlan, write_study

    names = [data.name for data in plan.data]
    hypothesis = None
    if plan.hypothesis is not None:
        first, second = (
            choose_on_development(result.cells, names, group) for group in plan.hypothesis
        )
        hypothesis = (first, second)
    planned = [(data, BASELINE, plan.seeds[0]) for data in names]
    planned += [
        (data, arm.name, seed) for data in names for arm in plan.arms for seed in plan.seeds
    ]
    write_study(
        result.cells,
        output,
        plan=StudyReportPlan(
            title=plan.title,
            commands=tuple(commands),
            baseline=BASELINE,
            hypothesis=hypothesis,
            notes=_notes(plan, result),
            planned=tuple(planned),
        ),
    )
    if result.tried:
        with (output / "tried.csv").open("w", newline="", encoding="utf-8") as file:
            fields = list(dict.fromkeys(key for row in result.tried for key in row))
            writer = csv.DictWriter(file, fields)
            writer.writeheader()
            writer.writerows(result.tried)
    return output / "results.md"


def _notes(plan: StudyPlan, result: StudyResult) -> tuple[str, ...]:
    first = plan.options(plan.arms[0], plan.choices(plan.arms[0])[0])
    notes = [
        f"Every arm: epochs {first.epochs}, batch {first.batch_size}, temperature "
        f"{first.temperature}, {first.max_length} tokens in training; the same training pairs. "
        f"Mined negatives above {plan.percentage_of_positive:.0%} of the positive's similarity "
        "are left out.",
    ]
    if result.tried:
        chosen = ", ".join(
            f"{row['dataset']} {row['arm']} "
            + " ".join(f"{key} {row[key]}" for key in row if key not in _TRIED)
            for row in result.tried
            if row["chosen"]
        )
        notes.append(f"Chosen on the development split with seed {plan.tuning_seed}: {chosen}.")
    return tuple(notes)


def _check_recorded(data: Sequence[StudyData], arms: Sequence[Arm]) -> None:
    for one in data:
        for arm in arms:
            if arm.recorded is not None and arm.recorded not in one.recorded:
                raise InputError(
                    f"arm {arm.name!r} wants recorded negatives that {one.name} does not have",
                    field="recorded",
                    value=arm.recorded,
                    remedy="add the file to the data set, or leave the arm out",
                )
            if arm.rewrite_share and one.rewrites is None:
                raise InputError(
                    f"arm {arm.name!r} wants rewritten positives, which {one.name} does not have",
                    field="rewrites",
                    remedy="add the file to the data set, or leave the arm out",
                )
