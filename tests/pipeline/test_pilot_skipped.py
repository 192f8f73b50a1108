"""Runs without a pilot: what is too little for one, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syneg.errors import InputError
from syneg.files import read_json
from syneg.pipeline.config import RunConfig, load_config
from syneg.pipeline.pipeline import run_pipeline

from .pilot_data import config_for, write_data, write_echoes


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"pilot.queries": 0}, "switched off"),
        ({"pilot.least_queries": 7}, "6 development queries are too few"),
        ({"mixing.synthetic": 0}, "mixing.synthetic is 0"),
        ({"llm.recorded": None}, "no language model"),
    ],
)
def test_a_pilot_that_could_tell_nothing_is_skipped_and_says_why(
    animal_data, tmp_path: Path, values: dict[str, Any], why: str
) -> None:
    data = write_data(animal_data, tmp_path / "animals", echoes=True)
    recorded = write_echoes(animal_data, tmp_path / "negatives.jsonl")
    config = config_for(data, **{"llm.recorded": str(recorded), **values})
    summaries = run_pipeline(config, tmp_path / "run", until="synthesize")
    assert why in summaries["pilot"]["skipped"]
    assert summaries["synthesize"]["proposed"] == (0 if "llm.recorded" in values else 8)


def test_a_run_folder_from_before_pilots_is_finished_as_it_was(animal_data, tmp_path: Path) -> None:
    data = write_data(animal_data, tmp_path / "animals", echoes=True)
    recorded = write_echoes(animal_data, tmp_path / "negatives.jsonl")
    config = config_for(data, **{"llm.recorded": str(recorded)})
    config = config.model_copy(update={"pilot": RunConfig().pilot})
    run_pipeline(config, tmp_path / "run", until="synthesize")
    # An older version knew neither the stage nor the section.
    manifest = tmp_path / "run" / "manifest.json"
    content = read_json(manifest)
    del content["stages"]["pilot"], content["config"]["pilot"]
    manifest.write_text(json.dumps(content), encoding="utf-8")
    written = tmp_path / "run" / "pool" / "negatives" / "llm.parquet"
    before = written.stat().st_mtime_ns
    summaries = run_pipeline(config, tmp_path / "run", until="mix")
    assert "before this version" in summaries["pilot"]["skipped"]
    assert summaries["mix"]["synthetic_used"]
    assert written.stat().st_mtime_ns == before


def test_a_language_model_named_after_mining_is_piloted(animal_data, tmp_path: Path) -> None:
    data = write_data(animal_data, tmp_path / "animals", echoes=True)
    recorded = write_echoes(animal_data, tmp_path / "negatives.jsonl")
    skipped = run_pipeline(config_for(data), tmp_path / "run", until="pilot")["pilot"]
    assert "skipped" in skipped
    config = config_for(data, **{"llm.recorded": str(recorded), "pilot.least_queries": 7})
    again = run_pipeline(config, tmp_path / "run", until="pilot")["pilot"]
    assert "too few" in again["skipped"]


@pytest.mark.parametrize(
    ("candidates", "part"),
    [
        ([{"name": "a"}, {"name": "b"}], "one candidate must have no synthetic"),
        ([{"name": "a", "synthetic": 0}], "at least one other"),
        ([{"name": "a", "synthetic": 0}, {"name": "a"}], "different names"),
        ([{"name": "a", "synthetic": 0}, {"name": "b", "retrieved": 9}], "give all candidates"),
        ([{"name": "a", "synthetic": 0}, {"name": "b", "loss": {"sort": 1}}], "1.loss.*'sort'"),
    ],
)
def test_candidates_that_cannot_be_compared_are_refused(
    candidates: list[dict[str, Any]], part: str
) -> None:
    with pytest.raises(InputError, match=part):
        load_config(values={"pilot.candidates": candidates})
