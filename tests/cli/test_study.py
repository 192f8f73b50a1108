"""`syneg study` on the command line: what a user sees of bad input and of a finished study."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml


def refused(ended, *parts: str) -> None:
    assert ended.code == 2, ended
    assert "Traceback" not in ended.err
    assert ended.err.startswith("error:")
    for part in parts:
        assert part in ended.err


def test_a_plan_that_is_not_there(syneg, tmp_path: Path) -> None:
    refused(syneg("study", "remedy", "--output", tmp_path / "out"), "remedies")
    refused(syneg("study", tmp_path / "no.yaml", "--output", tmp_path / "out"), "no.yaml")
    refused(syneg("study", "remedies", "--tier", "huge"), "--tier", "smoke")
    refused(syneg("study", "remedies", "--arm", "nobody"), "--arm", "dense")


def test_data_that_are_not_there(syneg, tmp_path: Path) -> None:
    ended = syneg("study", "remedies", "--data", tmp_path, "--output", tmp_path / "out")
    refused(ended, "disjoint")


@pytest.mark.parametrize("text", ["[", "arms: 3", "data: []\narms: [{name: dense}]", "title: x"])
def test_a_plan_that_is_no_plan(syneg, tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    refused(syneg("study", file, "--output", tmp_path / "out"), "plan.yaml")


def test_a_small_study_prints_its_result(syneg, animal_folder: Path, tmp_path: Path) -> None:
    plan = {
        "title": "Animals",
        "data": [{"location": animal_folder.name}],
        "arms": [{"name": "in-batch"}],
        "seeds": [1],
        "training": {"epochs": 1, "batch_size": 4, "max_length": 32},
        "development_share": 0.25,
    }
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan))
    output = tmp_path / "out"
    ended = syneg("study", file, "--data", animal_folder.parent, "--output", output)
    assert ended.code == 0, ended.err
    assert "# Animals" in ended.out and "in-batch" in ended.out
    assert (output / "results.md").read_text() in ended.out
