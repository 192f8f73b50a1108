"""Whole runs on a small data set: what comes out, and what survives kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from syneg.encoders.encoder import load_encoder
from syneg.errors import InputError
from syneg.files import file_hash, read_json, read_table
from syneg.pipeline.config import RunConfig, load_config
from syneg.pipeline.pipeline import run_pipeline, stages

SMALL = {
    "training.epochs": 2,
    "training.batch_size": 4,
    "training.learning_rate": 1e-4,
    "mixing.retrieved": 2,
}
TEXT = (
    "The {name} is an animal that people have told stories about for as long as anyone can "
    "remember, and in most of these stories it outwits a much larger creature."
)


def recorded(folder: Path) -> Path:
    """Write a synthetic negative for ten of the twelve training queries."""
    names = ["cat", "dog", "cow", "bee", "owl", "ant", "fox", "whale", "camel", "spider"]
    rows = [
        {
            "query_id": f"q-{name}",
            "positive_id": f"d-{name}",
            "title": "",
            "text": TEXT.format(name=name),
        }
        for name in names
    ]
    # One that a gate must drop.
    rows[0]["text"] = "As an AI language model, I cannot write this. " * 4
    path = folder / "negatives.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def config_for(data: Path, recorded_file: Path | None = None, **values: Any) -> RunConfig:
    return load_config(
        values={
            **SMALL,
            "dataset.location": str(data),
            "llm.recorded": None if recorded_file is None else str(recorded_file),
            **values,
        }
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, write_animals) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("finished")
    data = write_animals(folder / "animals")
    output = folder / "run"
    return output, run_pipeline(config_for(data, recorded(folder)), output)


def test_the_run_folder_holds_everything(finished) -> None:
    output, summaries = finished
    assert list(summaries) == list(stages())
    for name in ("config.yaml", "manifest.json", "metrics.json", "mixture.parquet", "report.html"):
        assert (output / name).is_file()
    for model in ("starting", "tuned"):
        for split in ("dev", "test"):
            assert (output / "evaluation" / f"{model}-{split}.trec").stat().st_size > 0
    assert not list((output / "training").glob("checkpoint-*"))
    manifest = read_json(output / "manifest.json")
    assert manifest["versions"]["torch"]
    for entry in manifest["stages"].values():
        for name, digest in entry["sha256"].items():
            assert file_hash(output / name) == digest


def test_the_mixture_is_hybrid_and_falls_back(finished) -> None:
    _, summaries = finished
    mixture = summaries["mix"]
    assert mixture["synthetic_used"]
    assert mixture["synthetic_accepted"] == mixture["synthetic_proposed"] - dropped(summaries)
    assert mixture["fallback"] == mixture["instances"] - mixture["by_source"]["llm"]
    assert sum(mixture["by_source"].values()) == 3 * mixture["instances"]


def dropped(summaries: dict[str, Any]) -> int:
    return sum(one["dropped_first"] for one in summaries["filter"]["gates"])


def test_development_queries_are_not_trained_on(finished) -> None:
    output, _ = finished
    held_out = set(read_table(output / "qrels" / "dev.parquet")["query_id"].to_pylist())
    trained = set(read_table(output / "mixture.parquet")["query_id"].to_pylist())
    proposed = set(
        read_table(output / "pool" / "negatives" / "llm.parquet")["query_id"].to_pylist()
    )
    assert held_out
    assert not held_out & trained
    assert not held_out & proposed


def test_the_exported_model_is_the_one_that_development_prefers(finished) -> None:
    output, summaries = finished
    metrics = summaries["evaluate"]
    better = metrics["development"]["after"] > metrics["development"]["before"]
    assert metrics["exported"] == ("tuned" if better else "starting")
    exported = load_encoder(str(output / "model"))
    expected = load_encoder(str(output / "training" / "best") if better else "minilm")
    texts = ["Which animal purrs?"]
    assert exported.encode_queries(texts) == pytest.approx(expected.encode_queries(texts))


def test_a_finished_run_does_nothing_again(finished) -> None:
    output, summaries = finished
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")}
    config = load_config(output / "config.yaml")
    assert run_pipeline(config, output) == summaries
    assert before == {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")}


def test_another_configuration_is_refused_with_the_difference(finished) -> None:
    output, _ = finished
    config = load_config(output / "config.yaml", ["training.epochs=5"])
    with pytest.raises(InputError, match=r"training\.epochs: 2 → 5"):
        run_pipeline(config, output)


def test_stages_that_are_yet_to_come_may_change(tmp_path: Path, write_animals) -> None:
    data = write_animals(tmp_path / "animals")
    run_pipeline(config_for(data), tmp_path / "run", until="mix")
    # A mixture takes seconds, so it is made anew; what was mined stays.
    mined = (tmp_path / "run/pool/negatives/bm25.parquet").stat().st_mtime_ns
    changed = {"mixing.retrieved": 3}
    again = config_for(data, **changed)
    mixed = run_pipeline(again, tmp_path / "run", until="mix")["mix"]
    assert sum(mixed["by_source"].values()) == again.mixing.total * mixed["instances"]
    assert (tmp_path / "run/pool/negatives/bm25.parquet").stat().st_mtime_ns == mined
    config = config_for(data, **{**changed, "training.epochs": 1})
    summaries = run_pipeline(config, tmp_path / "run", until="train")
    assert set(summaries["train"]["development"]) == {"1"}
    assert load_config(tmp_path / "run" / "config.yaml") == config
    # A model was trained on it: another mixture is another run.
    with pytest.raises(InputError, match=r"mixing\.retrieved: 3 → 4"):
        run_pipeline(config_for(data, **{"mixing.retrieved": 4}), tmp_path / "run", until="mix")


def test_a_run_goes_on_from_another_working_directory(
    tmp_path: Path, write_animals, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_animals(tmp_path / "animals")
    monkeypatch.chdir(tmp_path)
    values = {**SMALL, "dataset.location": "animals"}
    run_pipeline(load_config(values=values), Path("run"), until="data")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = load_config(tmp_path / "run" / "config.yaml")
    run_pipeline(config, tmp_path / "run", until="mine")


def test_a_damaged_model_is_trained_again(tmp_path: Path, write_animals) -> None:
    config = config_for(write_animals(tmp_path / "animals"))
    run_pipeline(config, tmp_path / "run", until="train")
    weights = tmp_path / "run" / "training" / "best" / "model.safetensors"
    size = weights.stat().st_size
    weights.write_bytes(b"damaged")
    run_pipeline(config, tmp_path / "run", until="evaluate")
    assert weights.stat().st_size == size


def test_offline_holds_when_a_stage_is_done_again(
    tmp_path: Path, write_animals, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(write_animals(tmp_path / "animals"))
    run_pipeline(config, tmp_path / "run", until="synthesize")
    manifest = tmp_path / "run" / "manifest.json"
    elsewhere = "https://llm.invalid/v1"
    text = manifest.read_text(encoding="utf-8").replace(
        '"server": "none"', f'"server": "{elsewhere}"'
    )
    manifest.write_text(text, encoding="utf-8")
    (tmp_path / "run" / "evaluation" / "starting-test.trec").unlink()
    changed = config.model_copy(
        update={"llm": config.llm.model_copy(update={"server": elsewhere}), "offline": True}
    )
    with pytest.raises(InputError, match="--offline"):
        run_pipeline(changed, tmp_path / "run")


def test_figures_are_plain_json(finished) -> None:
    output, _ = finished

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for name in ("metrics.json", "manifest.json"):
        json.loads((output / name).read_text(encoding="utf-8"), parse_constant=refuse)


def test_a_changed_data_set_is_refused(tmp_path: Path, write_animals) -> None:
    data = write_animals(tmp_path / "animals")
    config = config_for(data)
    run_pipeline(config, tmp_path / "run", until="data")
    corpus = data / "corpus.jsonl"
    corpus.write_text(corpus.read_text(encoding="utf-8").replace("purrs", "barks"), "utf-8")
    with pytest.raises(InputError, match="data set is not what it was"):
        run_pipeline(config, tmp_path / "run", until="baseline")


def test_a_first_try_that_came_to_nothing_leaves_the_folder_free(
    tmp_path: Path, write_animals
) -> None:
    with pytest.raises(InputError, match="no such data set"):
        run_pipeline(config_for(tmp_path / "typo"), tmp_path / "run")
    data = write_animals(tmp_path / "animals")
    summaries = run_pipeline(config_for(data), tmp_path / "run", until="data")
    assert summaries["data"]["documents"] == 32


def test_a_starting_model_that_is_better_stays(tmp_path: Path, write_animals) -> None:
    data = write_animals(tmp_path / "animals")
    # A rate that wrecks the model.
    config = config_for(data, **{"training.learning_rate": 0.05})
    metrics = run_pipeline(config, tmp_path / "run", until="evaluate")["evaluate"]
    assert metrics["exported"] == "starting"
    exported = load_encoder(str(tmp_path / "run" / "model"))
    assert exported.fingerprint == load_encoder("minilm").fingerprint


@pytest.mark.slow
def test_killed_anywhere_a_run_goes_on_and_ends_alike(finished, tmp_path: Path) -> None:
    output, summaries = finished
    config = read_json(output / "manifest.json")["config"]
    command = [
        sys.executable, "-m", "syneg", "run", "--dataset", config["dataset"]["location"],
        "--synthetic", config["llm"]["recorded"], "--output", str(tmp_path / "run"),
        *[part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")],
        # A checkpoint at every step, so that a kill in training finds one to go on from.
        "--set", "training.checkpoint_seconds=0",
    ]  # fmt: skip
    chance = random.Random(0)
    for _ in range(4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(4.0, 12.0))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, capture_output=True)
    again = read_json(tmp_path / "run" / "metrics.json")
    for split in ("dev", "test"):
        for model in ("starting", "tuned"):
            expected = summaries["evaluate"]["models"][model][split]
            assert again["models"][model][split] == pytest.approx(expected, abs=0.002)
    mixtures = [read_table(one / "mixture.parquet") for one in (output, tmp_path / "run")]
    assert mixtures[0].equals(mixtures[1])


def test_training_does_not_go_on_from_another_mixture(tmp_path: Path, write_animals) -> None:
    from syneg.pipeline.manifest import Manifest
    from syneg.pipeline.run import Run
    from syneg.pipeline.stages.fine_tune import _training_folder

    config = config_for(write_animals(tmp_path / "animals"))
    folder = tmp_path / "run"
    run_pipeline(config, folder, until="mix")
    run = Run(folder, config, Manifest(folder, config))
    checkpoint = _training_folder(run, None) / "checkpoint-1"
    checkpoint.mkdir()
    assert _training_folder(run, None).joinpath("checkpoint-1").is_dir()
    (folder / "mixture.parquet").write_bytes(b"another")
    assert not _training_folder(run, None).joinpath("checkpoint-1").exists()


def test_two_processes_do_not_share_a_run_folder(tmp_path: Path) -> None:
    from syneg.pipeline.manifest import run_folder

    with run_folder(tmp_path / "run"), pytest.raises(InputError, match="another process"):
        run_pipeline(load_config(values={"dataset.location": "pydocs"}), tmp_path / "run")
