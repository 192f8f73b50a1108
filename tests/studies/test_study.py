"""A study from its plan to its cells, on tiny data with the real encoder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from syneg.datasets.beir import write_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.studies.plan import BASELINE, StudyPlan, read_plan
from syneg.studies.presets import chosen_part, load_plan, plan_names
from syneg.studies.results import RESULT
from syneg.studies.runner import run_study

ARMS = [
    {"name": "in-batch"},
    {"name": "dense", "mixing": {"synthetic": 0, "retrieved": 1, "sources": ["dense"]}},
    {
        "name": "graded",
        "recorded": "written",
        "mixing": {"synthetic": 1, "retrieved": 1, "sources": ["dense"]},
        "training": {"loss": {"synthetic": "graded"}},
    },
]


@pytest.fixture
def data(tmp_path: Path, animal_data: RetrievalDataset) -> Path:
    """A folder with the animals and a recorded negative for every training query."""
    folder = tmp_path / "data"
    write_beir_folder(animal_data, folder / "animals")
    with (folder / "written.jsonl").open("w") as file:
        for query_id in animal_data.query_ids("train"):
            name = query_id.removeprefix("q-")
            text = f"The {name} is a subject of many songs, and poets have praised it in verse. "
            row = {
                "query_id": query_id,
                "positive_id": f"d-{name}",
                "title": name,
                "text": text + f"Painters like the {name} too, above all in the south.",
            }
            file.write(json.dumps(row) + "\n")
    return folder


def plan(**changes) -> StudyPlan:
    content = {
        "data": [{"location": "animals", "recorded": {"written": "written.jsonl"}}],
        "arms": ARMS,
        "seeds": [0],
        "training": {"epochs": 1, "batch_size": 4, "max_length": 32},
        "development_share": 0.25,
        "depth": 20,
    }
    return StudyPlan.model_validate({**content, **changes})


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.glob(f"cells/*/{RESULT}")}


def test_every_arm_is_measured_on_the_same_queries(data: Path, tmp_path: Path) -> None:
    result = run_study(plan(), data, tmp_path / "out")
    assert [cell.arm for cell in result.cells] == [BASELINE, "in-batch", "dense", "graded"]
    first = result.cells[0].per_query
    for cell in result.cells:
        assert cell.per_query["query_id"].equals(first["query_id"])
        assert set(cell.per_query["split"].to_pylist()) == {"development", "test"}
    # No test positive of the animals is trained on, and no development positive either.
    assert not any(first["seen"].to_pylist())
    facts = {cell.arm: cell.facts for cell in result.cells}
    instances = {facts[arm]["mixture"]["instances"] for arm in ("in-batch", "dense", "graded")}
    assert instances == {9}
    assert facts["graded"]["mixture"]["by_source"] == {"dense": 9, "llm": 9}
    looked = result.cells[-1].instruments
    assert set(looked["harm"]) == {"positive", "dense", "written"}
    assert 0 <= looked["gradient before"]["written"]["share"] <= 1
    seen = facts["graded"]["observed"]
    assert all(0 <= one["synthetic_gradient_share"] <= 1 for one in seen) and seen


def test_what_is_done_is_not_done_again(data: Path, tmp_path: Path) -> None:
    run_study(plan(arms=ARMS[:2]), data, tmp_path / "out")
    before = times(tmp_path / "out")
    result = run_study(plan(seeds=[0, 1]), data, tmp_path / "out")
    after = times(tmp_path / "out")
    assert {key: after[key] for key in before} == before
    assert len(result.cells) == 1 + 3 * 2
    # An arm's name decides nothing, so a renamed arm is not trained again.
    renamed = [{**ARMS[1], "name": "mined"}]
    again = run_study(plan(arms=renamed), data, tmp_path / "out")
    assert again.cells[1].arm == "mined"
    assert times(tmp_path / "out") == after


def test_the_grid_is_chosen_from_on_the_development_split(data: Path, tmp_path: Path) -> None:
    grid = {"learning_rate": [1e-6, 1e-4]}
    result = run_study(plan(arms=ARMS[1:2], grid=grid, seeds=[1]), data, tmp_path / "out")
    assert [row["learning_rate"] for row in result.tried] == [1e-6, 1e-4]
    chosen = [row for row in result.tried if row["chosen"]]
    assert len(chosen) == 1
    assert chosen[0]["development"] == max(row["development"] for row in result.tried)
    rates = {cell.options["training"]["learning_rate"] for cell in result.cells[1:]}
    assert rates == {chosen[0]["learning_rate"]}
    # The cells of the choice are of another seed and are not reported.
    assert [cell.seed for cell in result.cells[1:]] == [1]
    assert len(times(tmp_path / "out")) == 1 + 2 + 1


@pytest.mark.slow
def test_a_killed_study_goes_on(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan(seeds=[0, 1, 2]).model_dump(mode="json")))
    command = [sys.executable, "-m", "syneg", "study", str(file), "--data", str(data)]
    process = subprocess.Popen(
        [*command, "--output", str(output)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and len(times(output)) < 3:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = times(output)
    assert len(before) >= 3
    done = subprocess.run(
        [*command, "--output", str(output)], capture_output=True, text=True, check=True
    )
    after = times(output)
    assert len(after) == 1 + 3 * 3
    assert {key: after[key] for key in before} == before
    assert "graded" in done.stdout
    assert (output / "results.md").is_file()
    assert (output / "cells.csv").is_file()


def test_the_plans_that_come_with_syneg_fit() -> None:
    for name in plan_names():
        for tier in ("full", "smoke"):
            loaded = load_plan(name, tier)
            assert loaded.arms and loaded.data


def test_a_part_of_a_plan() -> None:
    part = chosen_part(plan(seeds=[0, 1, 2]), arms=["dense"], seeds=2)
    assert [arm.name for arm in part.arms] == ["dense"]
    assert part.seeds == (0, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arms": [{"name": "dense", "mixin": {}}]}, "mixin"),
        ({"arms": [{"name": "same"}, {"name": "same"}]}, "different names"),
        ({"arms": [{"name": "hybrid", "mixing": {"synthetic": 1}}]}, "recorded"),
        ({"arms": [{"name": "one", "training": {"epoch": 3}}]}, "epoch"),
        ({"hypothesis": [["dense"], ["nobody"]]}, "nobody"),
        ({"seeds": []}, "seeds"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(tmp_path: Path, change: dict, said: str) -> None:
    file = tmp_path / "plan.yaml"
    content = {**plan().model_dump(mode="json"), **change}
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=said):
        read_plan(file)


def test_a_missing_file_of_negatives_is_named(data: Path, tmp_path: Path) -> None:
    (data / "written.jsonl").unlink()
    with pytest.raises(InputError, match=r"written\.jsonl"):
        run_study(plan(), data, tmp_path / "out")


def test_an_arm_whose_negatives_a_data_set_lacks_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="causal"):
        run_study(plan(arms=[{**ARMS[2], "recorded": "causal"}]), data, tmp_path / "out")


def test_an_unknown_plan_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="remedies"):
        load_plan("remedy")
    with pytest.raises(InputError, match="tier"):
        load_plan("remedies", "large")
    with pytest.raises(InputError, match="--arm"):
        chosen_part(plan(), arms=["nobody"])
