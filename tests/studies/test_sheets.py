from __future__ import annotations

import csv
from pathlib import Path

import pytest

from syneg.studies.tables import arm_table
from syneg.studies.writing import StudyReportPlan, write_study

from .cells import cell, study

ARMS = {"mined": 0.05, "graded": 0.15, "pure": -0.1}
PLAN = StudyReportPlan("Do graded targets help?", hypothesis=("mined", "graded"))


def sheet(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_sheet_of_cells_holds_every_metric_of_every_cell(tmp_path: Path) -> None:
    cells = [
        cell("unmodified", test=[0.25, 0.5], development=[0.1, 0.2, 0.3]),
        cell("mined", 7, test=[0.5, 1.0], development=[0.1, 0.2, 0.3]),
    ]
    write_study(cells, tmp_path, plan=StudyReportPlan("Few"))
    rows = sheet(tmp_path / "cells.csv")
    assert [
        (one["arm"], one["seed"], one["split"], one["slice"], one["queries"]) for one in rows[4:]
    ] == [
        ("unmodified", "0", "test", "unseen", "1"),
        ("mined", "7", "development", "all", "3"),
        ("mined", "7", "development", "seen", "3"),
        ("mined", "7", "test", "all", "2"),
        ("mined", "7", "test", "seen", "1"),
        ("mined", "7", "test", "unseen", "1"),
    ]
    assert [float(rows[7][name]) for name in ("ndcg@10", "mrr@10", "recall@10")] == [75.0] * 3


def test_the_sheet_of_comparisons_holds_the_named_one_and_every_arm(tmp_path: Path) -> None:
    cells = study(ARMS)
    write_study(cells, tmp_path, plan=PLAN)
    rows = sheet(tmp_path / "comparisons.csv")
    assert [one["kind"] for one in rows] == ["named"] * 9 + ["baseline"] * 18
    assert (rows[0]["datasets"], rows[0]["first"], rows[0]["second"]) == (
        "scifact + covidqa", "mined", "graded",
    )  # fmt: skip
    mined = next(one for one in arm_table(cells, "scifact") if one.arm == "mined")
    assert mined.difference is not None
    assert float(rows[9]["low"]) == pytest.approx(100 * mined.difference.low, abs=1e-4)
    assert float(rows[9]["p_value_holm"]) == pytest.approx(mined.adjusted, abs=1e-4)
    assert rows[0]["p_value_holm"] == ""
    assert rows[9]["seeds_resampled"] == "True"
    assert min(float(one["difference"]) for one in rows) < 0
