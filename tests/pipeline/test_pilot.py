"""The pilot: what a few queries decide about the negatives of all others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from fake_server import FakeServer, Reply, completion
from syneg.errors import InputError
from syneg.files import read_json, read_table
from syneg.pipeline.config import load_config
from syneg.pipeline.pipeline import run_pipeline

from .pilot_data import VALUES, config_for, echo, write_data, write_echoes, writer


def asked(server: FakeServer) -> Counter[str]:
    return Counter(seen.body["messages"][-1]["content"] for seen in server.chats)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@dataclass(frozen=True)
class Done:
    """A run, and how often the language model was asked what."""

    folder: Path
    summaries: dict[str, Any]
    asked: Counter[str]


@pytest.fixture(scope="module")
def helped(tmp_path_factory, animal_data) -> Done:
    """A run whose pilot found that synthetic negatives help."""
    folder = tmp_path_factory.mktemp("helped")
    data = write_data(animal_data, folder / "animals", echoes=True)
    gentle = {"name": "gentle", "loss": {"synthetic": "margin", "synthetic_margin": 0.2}}
    with FakeServer() as server:
        server.rule = writer(animal_data, lambda name, habit: echo(habit))
        values = {
            "llm.server": server.url,
            "pilot.candidates": [{"name": "mined only", "synthetic": 0}, gentle],
        }
        summaries = run_pipeline(config_for(data, **values), folder / "run", until="train")
        return Done(folder / "run", summaries, asked(server))


def test_negatives_that_help_are_used_as_the_pilot_says(helped: Done) -> None:
    output, summaries = helped.folder, helped.summaries
    pilot = read_json(output / "pilot" / "pilot.json")
    assert pilot == summaries["pilot"]
    assert (pilot["choice"], pilot["held_back"]) == ("gentle", False)
    without, gentle = pilot["candidates"]
    assert gentle["mean"] > without["mean"]
    assert gentle["difference"]["difference"] == pytest.approx(gentle["mean"] - without["mean"])
    assert without["difference"] is None
    assert pilot["starting"] < gentle["mean"]
    assert "“gentle” is used" in pilot["sentence"]
    # All queries have negatives now, and the final model was trained with the loss chosen.
    assert summaries["synthesize"]["proposed"] == 8
    assert summaries["mix"]["by_source"]["llm"] == 8
    trained = read_json(output / "training" / "inputs.json")["options"]["loss"]
    assert trained == pilot["loss"]
    assert (trained["synthetic"], trained["synthetic_margin"]) == ("margin", 0.2)


def test_what_the_pilot_asked_is_not_asked_again(helped: Done) -> None:
    assert helped.summaries["pilot"]["synthesis"]["answered_now"] == 4
    assert helped.summaries["synthesize"]["answered_before"] == 4
    assert len(helped.asked) == 8
    assert set(helped.asked.values()) == {1}


def test_every_candidate_gets_the_same_pairs_negatives_and_steps(helped: Done) -> None:
    output, pilot = helped.folder, helped.summaries["pilot"]
    assert [one["synthetic"] + one["retrieved"] for one in pilot["candidates"]] == [2, 2]
    models = [read_json(one) for one in (output / "pilot").glob("*/model.json")]
    assert {one["candidate"] for one in models} == {"mined only", "gentle"}
    assert {one["steps"] for one in models} == {pilot["steps"]} == {6}
    assert pilot["pairs"] == pilot["queries"] == 4
    written = read_table(output / "pilot" / "negatives.parquet")["query_id"].to_pylist()
    assert len(set(written)) == 4
    assert not list((output / "pilot").glob("*/training"))


@pytest.mark.parametrize("changed", ["pilot.epochs=3", "training.temperature=0.1"])
def test_what_the_pilot_read_may_not_change_after_it(helped: Done, changed: str) -> None:
    config = load_config(helped.folder / "config.yaml", [changed])
    with pytest.raises(InputError, match=changed.partition("=")[0]):
        run_pipeline(config, helped.folder)


HARSH = {
    "pilot.epochs": 8,
    "synthesis.per_query": 2,
    "mixing.synthetic": 2,
    "mixing.retrieved": 0,
    "pilot.learning_rate": 2e-3,
    # Nothing but the negatives themselves tells the model what is far from a query.
    "training.loss.in_batch": "none",
}


def test_negatives_that_harm_are_held_back_and_no_more_are_asked_for(
    server: FakeServer, animal_data, tmp_path: Path
) -> None:
    data = write_data(animal_data, tmp_path / "animals", echoes=False)
    # What it writes answers the query, as well as the positive does.
    words = cycle(("Any", "Every"))
    server.rule = writer(animal_data, lambda name, habit: f"{next(words)} {name} {habit}.")
    config = config_for(data, **{**HARSH, "llm.server": server.url})
    summaries = run_pipeline(config, tmp_path / "run", until="mix")
    pilot = summaries["pilot"]
    without, hybrid = pilot["candidates"]
    assert hybrid["mean"] < without["mean"]
    assert (pilot["choice"], pilot["held_back"]) == ("mined only", True)
    assert "held back" in pilot["sentence"]
    # Two answers for each of the pilot's four queries, and none for the four others.
    assert len(server.chats) == pilot["synthesis"]["asked"] == 8
    assert summaries["synthesize"]["held_back"] == pilot["sentence"]
    assert not summaries["mix"]["synthetic_used"]
    assert "llm" not in summaries["mix"]["by_source"]
    assert summaries["mix"]["instances"] == 8
    sources = read_table(tmp_path / "run" / "mixture.parquet")["sources"].to_pylist()
    assert {len(row) for row in sources} == {2}


def test_negatives_that_fail_the_gates_are_held_back_without_training(
    server: FakeServer, animal_data, tmp_path: Path
) -> None:
    data = write_data(animal_data, tmp_path / "animals", echoes=False)
    server.rule = lambda seen: Reply(body=completion("no JSON at all"))
    config = config_for(data, **{"llm.server": server.url})
    summaries = run_pipeline(config, tmp_path / "run", until="mix")
    assert summaries["pilot"]["candidates"] == []
    assert "only 0 passed the gates" in summaries["pilot"]["sentence"]
    # Each was asked for twice: another sampler seed might have mended it.
    assert len(server.chats) == 8
    assert summaries["mix"]["synthetic_proposed"] == 4
    assert not summaries["mix"]["synthetic_used"]


def test_a_killed_pilot_goes_on_and_trains_nothing_twice(animal_data, tmp_path: Path) -> None:
    data = write_data(animal_data, tmp_path / "animals", echoes=True)
    recorded = write_echoes(animal_data, tmp_path / "negatives.jsonl")
    given = {**VALUES, "pilot.seeds": 2, "pilot.epochs": 4}
    command = [
        sys.executable, "-m", "syneg", "synthesize", "--dataset", str(data),
        "--synthetic", str(recorded), "--output", str(tmp_path / "run"),
        *[part for key, value in given.items() for part in ("--set", f"{key}={json.dumps(value)}")],
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = tmp_path / "run" / "pilot"
    deadline = time.monotonic() + 200
    while not list(folder.glob("*/model.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/model.json")}
    assert 1 <= len(before) < 4
    subprocess.run(command, check=True, capture_output=True)
    after = {path: path.stat().st_mtime_ns for path in folder.glob("*/model.json")}
    assert len(after) == 4
    assert before.items() <= after.items()
    assert len(read_json(folder / "pilot.json")["candidates"][0]["means"]) == 2
