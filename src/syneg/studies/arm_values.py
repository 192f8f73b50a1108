"""What an arm measured on a data set, as an array of seeds by queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from syneg.errors import InputError, nearest
from syneg.studies.results import PER_QUERY_SCHEMA, CellResult
from syneg.studies.statistics import ArmPair, Values

STUDY_METRICS = tuple(
    name for name in PER_QUERY_SCHEMA.names if name not in ("split", "query_id", "seen")
)
"""Metrics that every cell of a study holds."""

SLICES = ("all", "seen", "unseen")
"""All queries; those with a positive that was trained on; those without."""


@dataclass(frozen=True)
class ArmValues:
    """One metric of one arm on one split of one data set.

    Attributes:
        dataset: Name of the data set.
        arm: Name of the arm.
        seeds: Seeds, in rising order.
        query_ids: Queries, in rising order.
        seen: By query, whether a positive of it was a positive in training.
        values: The metric [seeds, queries].
    """

    dataset: str
    arm: str
    seeds: tuple[int, ...]
    query_ids: npt.NDArray[np.object_]
    seen: npt.NDArray[np.bool_]
    values: Values

    def of_slice(self, name: str) -> Values:
        """Return the values [seeds, queries] of one of `SLICES`."""
        kept = {"all": np.ones_like(self.seen), "seen": self.seen, "unseen": ~self.seen}[name]
        return self.values[:, kept]


def arms_of(results: Iterable[CellResult], dataset: str | None = None) -> list[str]:
    """Return the arms in the order of their first appearance, of one data set or of all."""
    return list(dict.fromkeys(one.arm for one in results if dataset in (None, one.dataset)))


def datasets_of(results: Iterable[CellResult]) -> list[str]:
    """Return the data sets in the order of their first appearance."""
    return list(dict.fromkeys(one.dataset for one in results))


def arm_values(
    results: Sequence[CellResult], dataset: str, arm: str, split: str, metric: str
) -> ArmValues:
    """Return what an arm measured, its seeds stacked.

    Args:
        results: Cells of a study; those of other arms and data sets are passed over.
        dataset: Name of the data set.
        arm: Name of the arm.
        split: "development" or "test".
        metric: One of `STUDY_METRICS`.

    Raises:
        InputError: There is no such cell or metric, a seed stands there twice, a cell has no
            query of the split or one twice, or its seeds did not measure the same queries.
    """
    if metric not in STUDY_METRICS:
        raise InputError(
            "no cell holds this metric",
            field="metric",
            value=metric,
            remedy=f"did you mean '{nearest(metric, STUDY_METRICS) or STUDY_METRICS[0]}'?",
        )
    cells = sorted(
        (one for one in results if (one.dataset, one.arm) == (dataset, arm)),
        key=lambda one: one.seed,
    )
    if not cells:
        raise InputError(
            f"the study has no cell of arm '{arm}' on data set '{dataset}'",
            remedy="run that arm or leave it out",
        )
    rows = [_one_cell(cell, split, metric) for cell in cells]
    seeds = tuple(cell.seed for cell in cells)
    if len(set(seeds)) < len(seeds):
        raise InputError(
            f"two cells of arm '{arm}' on data set '{dataset}' have the same seed",
            remedy="keep one of them",
        )
    for row in rows[1:]:
        require_same_queries(rows[0], row)
    values = np.concatenate([row.values for row in rows])
    return ArmValues(dataset, arm, seeds, rows[0].query_ids, rows[0].seen, values)


def pair_of_slice(first: ArmValues, second: ArmValues, name: str) -> ArmPair | None:
    """Return two arms' values of one of `SLICES`; None where it has fewer than two queries.

    Seeds are paired where both arms have the same ones.

    Raises:
        InputError: The arms did not measure the same queries.
    """
    require_same_queries(first, second)
    values = first.of_slice(name), second.of_slice(name)
    if values[0].shape[1] < 2:
        return None
    return ArmPair(*values, paired=first.seeds == second.seeds)


def require_same_queries(first: ArmValues, second: ArmValues) -> None:
    """Refuse to compare what was measured on different queries.

    Raises:
        InputError: The queries differ, or a query is a seen one in one of the two only.
    """
    cells = f"{_name(first)} and {_name(second)} cannot be compared"
    remedy = "measure both anew on the same split of the same data"
    if not np.array_equal(first.query_ids, second.query_ids):
        ours, theirs = set(first.query_ids), set(second.query_ids)
        raise InputError(
            f"{cells}: {len(ours & theirs)} queries are in both, {len(ours - theirs)} only in the "
            f"first, {len(theirs - ours)} only in the second",
            remedy=remedy,
        )
    differing = np.flatnonzero(first.seen != second.seen)
    if len(differing):
        raise InputError(
            f"{cells}: {len(differing)} queries count as seen in training in one of them only",
            value=str(first.query_ids[differing[0]]),
            remedy=remedy,
        )


def _one_cell(cell: CellResult, split: str, metric: str) -> ArmValues:
    rows = cell.per_query.filter(pc.equal(cell.per_query["split"], split)).sort_by("query_id")
    query_ids = np.array(rows["query_id"].to_pylist(), dtype=object)
    seen = np.array(rows["seen"].to_pylist(), dtype=bool)
    found = rows[metric].to_numpy().astype(np.float64)[None, :]
    values = ArmValues(cell.dataset, cell.arm, (cell.seed,), query_ids, seen, found)
    problem = None
    if not len(query_ids):
        problem = f"has no queries of split '{split}'"
    elif len(set(query_ids)) < len(query_ids):
        problem = f"has a query of split '{split}' twice"
    elif not np.isfinite(found).all():
        problem = f"has no number as {metric} of some query of split '{split}'"
    if problem:
        raise InputError(f"{_name(values)} {problem}", remedy="run this cell anew")
    return values


def _name(values: ArmValues) -> str:
    seeds = ", ".join(str(seed) for seed in values.seeds)
    return f"'{values.arm}' on '{values.dataset}' (seed {seeds})"
