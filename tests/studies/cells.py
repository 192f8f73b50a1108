"""Cells of a study with values chosen by the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from syneg.studies.results import PER_QUERY_SCHEMA, CellResult


def cell(
    arm: str,
    seed: int = 0,
    *,
    test: Sequence[float],
    development: Sequence[float] = (0.5, 0.5),
    dataset: str = "scifact",
    seen: Sequence[bool] | None = None,
    names: Sequence[str] | None = None,
    instruments: dict[str, Any] | None = None,
) -> CellResult:
    """A cell whose queries are q0, q1, …; the first half of the test queries is seen."""
    marks = [place < len(test) // 2 for place in range(len(test))] if seen is None else seen
    ids = [f"q{place}" for place in range(len(test))] if names is None else names
    rows = [
        *(("development", f"d{place}", True, value) for place, value in enumerate(development)),
        *(("test", *row) for row in zip(ids, marks, test, strict=True)),
    ]
    split, query, was_seen, value = zip(*rows, strict=True)
    values = pa.array([float(one) for one in value], pa.float64())
    table = pa.Table.from_arrays(
        [pa.array(split), pa.array(query), pa.array(was_seen), *[values] * 4],
        schema=PER_QUERY_SCHEMA,
    )
    return CellResult(dataset, arm, seed, "key", {}, table, {}, instruments or {})


def study(
    gains: dict[str, float],
    *,
    datasets: Sequence[str] = ("scifact", "covidqa"),
    seeds: int = 3,
    queries: int = 60,
) -> list[CellResult]:
    """Cells of a starting model, with one seed, and of arms that are better by `gains`."""
    cells = []
    for place, dataset in enumerate(datasets):
        generator = np.random.default_rng(place)
        base = generator.uniform(0.3, 0.6, queries)
        cells.append(cell("unmodified", test=list(base), dataset=dataset))
        for arm, gain in gains.items():
            own = generator.normal(gain, 0.05, queries)
            for seed in range(seeds):
                noise = generator.normal(0, 0.02, queries) + generator.normal(0, 0.005)
                values = list(base + own + noise)
                cells.append(cell(arm, seed, test=values, dataset=dataset))
    return cells
