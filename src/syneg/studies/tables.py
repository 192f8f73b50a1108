"""The tables of a study: every arm beside the starting model, and the comparison named ahead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from syneg.errors import InputError
from syneg.evaluation.metrics import PRIMARY
from syneg.studies.arm_values import (
    SLICES,
    ArmValues,
    arm_values,
    arms_of,
    pair_of_slice,
    require_same_queries,
)
from syneg.studies.plan import BASELINE
from syneg.studies.results import CellResult
from syneg.studies.statistics import ArmDifference, holm, pooled_difference


@dataclass(frozen=True)
class ArmRow:
    """One arm on one slice of the queries of one data set.

    Attributes:
        dataset: Name of the data set.
        arm: Name of the arm.
        slice: One of `syneg.studies.arm_values.SLICES`.
        queries: How many queries the slice has.
        seeds: How many seeds the arm has.
        mean: Of the metric over seeds and queries, in its own unit.
        deviation: Standard deviation over the seeds of their means; None with one seed.
        difference: To the baseline arm, as second - first with the baseline as first; None for
            the baseline, where it was not measured, and where the slice has one query.
        adjusted: The p-value of the difference adjusted by `syneg.studies.statistics.holm`;
            None where there is no difference and for the comparison named in advance.
    """

    dataset: str
    arm: str
    slice: str
    queries: int
    seeds: int
    mean: float
    deviation: float | None
    difference: ArmDifference | None = None
    adjusted: float | None = None


@dataclass(frozen=True)
class ComparisonRow:
    """The named comparison on one slice of one data set, or of several pooled.

    Attributes:
        datasets: The data set; several where they are pooled.
        slice: One of `syneg.studies.arm_values.SLICES`.
        difference: Of the second arm from the first.
    """

    datasets: tuple[str, ...]
    slice: str
    difference: ArmDifference


def arm_table(
    results: Sequence[CellResult],
    dataset: str,
    split: str = "test",
    metric: str = PRIMARY,
    *,
    baseline: str = BASELINE,
    hypothesis: tuple[str, str] | None = None,
) -> list[ArmRow]:
    """Compare every arm of a data set with a baseline arm, slice by slice.

    The p-values of a slice are one family: those of all arms but the comparison named in
    advance, which alone needs no adjustment.

    Args:
        results: Cells of a study; those of other data sets are passed over.
        dataset: Name of the data set.
        split: "development" or "test".
        metric: One of `syneg.studies.arm_values.STUDY_METRICS`.
        baseline: The arm that the others are compared with; if it was not measured, the rows
            have means but no differences.
        hypothesis: The two arms of the comparison named in advance. It matters here only if
            one of them is the baseline.

    Returns:
        Slice by slice, arms in the order of their first appearance in the results. A slice
        without queries has no rows.

    Raises:
        InputError: There is no cell of the data set, or the cells did not measure the same
            queries.

    Example:
        >>> import pyarrow as pa
        >>> from syneg.studies.results import PER_QUERY_SCHEMA, CellResult
        >>> def cell(arm: str, seed: int, value: float) -> CellResult:
        ...     rows = [("test", f"q{one}", one < 2, *[value] * 4) for one in range(10)]
        ...     columns = [pa.array(column) for column in zip(*rows)]
        ...     table = pa.Table.from_arrays(columns, schema=PER_QUERY_SCHEMA)
        ...     return CellResult("tiny", arm, seed, "", {}, table)
        >>> cells = [cell("unmodified", 0, 0.5), cell("mined", 0, 0.75), cell("mined", 1, 0.75)]
        >>> row = arm_table(cells, "tiny")[1]
        >>> row.arm, row.slice, row.queries, row.mean, row.difference.difference
        ('mined', 'all', 10, 0.75, 0.25)
    """
    arms = arms_of(results, dataset)
    if not arms:
        raise InputError("the study has no cell of this data set", field="dataset", value=dataset)
    measured = {arm: arm_values(results, dataset, arm, split, metric) for arm in arms}
    for values in measured.values():
        require_same_queries(measured[arms[0]], values)
    named = set(hypothesis or ())
    rows = []
    for name in SLICES:
        of_slice = [
            _arm_row(values, name, measured.get(baseline))
            for values in measured.values()
            if values.of_slice(name).shape[1]
        ]
        rows += _adjusted(of_slice, lambda row: {row.arm, baseline} != named)
    return rows


def comparison(
    results: Sequence[CellResult],
    datasets: Sequence[str],
    hypothesis: tuple[str, str],
    *,
    split: str = "test",
    metric: str = PRIMARY,
) -> list[ComparisonRow]:
    """Make the comparison that was named in advance.

    Args:
        results: Cells of a study.
        datasets: Data sets on which both arms were measured.
        hypothesis: The first and the second arm, say the best mined arm and the best remedy,
            chosen on the development split.
        split: The split on which they are compared.
        metric: One of `syneg.studies.arm_values.STUDY_METRICS`.

    Returns:
        Of several data sets first the mean of their differences, each data set counting the
        same; then every data set by itself. The first row is all queries: the one test that was
        named. A slice of fewer than two queries is left out, from the pooled rows too.

    Raises:
        InputError: An arm was not measured on one of the data sets, or not on the same queries
            as the other.
    """
    first, second = hypothesis
    pairs = {}
    for dataset in datasets:
        values = [arm_values(results, dataset, arm, split, metric) for arm in hypothesis]
        for name in SLICES:
            pair = pair_of_slice(values[0], values[1], name)
            if pair is not None:
                pairs[dataset, name] = pair
    if first == second or not pairs:
        raise InputError(
            "a comparison needs two arms and a data set with two queries or more",
            value=(*hypothesis, *datasets),
        )
    rows = []
    if len(datasets) > 1:
        for name in SLICES:
            having = tuple(one for one in datasets if (one, name) in pairs)
            if having:
                pooled = pooled_difference([pairs[one, name] for one in having])
                rows.append(ComparisonRow(having, name, pooled))
    for (dataset, name), pair in pairs.items():
        rows.append(ComparisonRow((dataset,), name, pooled_difference([pair])))
    return rows


def choose_on_development(
    results: Sequence[CellResult],
    datasets: str | Sequence[str],
    arms: Sequence[str],
    metric: str = PRIMARY,
) -> str:
    """Return the arm with the best mean on the development split.

    The mean is over queries and seeds, then over data sets, each counting the same. The test
    split plays no part, so a comparison of chosen arms on it remains fair.

    Args:
        results: Cells of a study.
        datasets: One data set or several.
        arms: Arms to choose from; of equal ones the first is taken.
        metric: One of `syneg.studies.arm_values.STUDY_METRICS`.

    Raises:
        InputError: There is nothing to choose from, an arm was not measured on one of the data
            sets, or the arms did not measure the same queries.
    """
    names = [datasets] if isinstance(datasets, str) else list(datasets)
    if not names or not arms:
        raise InputError("choosing an arm needs a data set and an arm")
    means: dict[str, list[float]] = {arm: [] for arm in arms}
    for dataset in names:
        found = [arm_values(results, dataset, arm, "development", metric) for arm in arms]
        for values in found:
            require_same_queries(found[0], values)
            means[values.arm].append(float(values.values.mean()))
    return max(arms, key=lambda arm: float(np.mean(means[arm])))


def _arm_row(values: ArmValues, name: str, baseline: ArmValues | None) -> ArmRow:
    of_slice = values.of_slice(name)
    by_seed = of_slice.mean(axis=1)
    pair = None
    if baseline is not None and baseline.arm != values.arm:
        pair = pair_of_slice(baseline, values, name)
    return ArmRow(
        dataset=values.dataset,
        arm=values.arm,
        slice=name,
        queries=of_slice.shape[1],
        seeds=len(by_seed),
        mean=float(of_slice.mean()),
        deviation=float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None,
        difference=None if pair is None else pooled_difference([pair]),
    )


def _adjusted(rows: Sequence[ArmRow], in_family: Callable[[ArmRow], bool]) -> list[ArmRow]:
    p_values = {
        place: row.difference.p_value
        for place, row in enumerate(rows)
        if row.difference is not None and in_family(row)
    }
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return [replace(row, adjusted=adjusted.get(place)) for place, row in enumerate(rows)]
