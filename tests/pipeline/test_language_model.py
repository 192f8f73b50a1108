"""Runs with a language model: a server that misbehaves, a killed process, the local model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_server import FakeServer, Reply, Seen, completion
from syneg.errors import InputError
from syneg.files import read_json, read_table
from syneg.pipeline.config import load_config
from syneg.pipeline.pipeline import run_pipeline

KEY = "sk-a-secret-that-must-not-be-written-anywhere"


def good_answer(seen: Seen) -> Reply:
    user = seen.body["messages"][-1]["content"]
    text = (
        "Farmers in many countries have kept animals of this kind for centuries, and the way "
        f"in which they feed them differs between regions and seasons ({hash(user) % 10_000})."
    )
    answer = {"reasoning": "It is close.", "title": "", "text": text, "check": "pass: it is not."}
    return Reply(body=completion(json.dumps(answer)), delay=0.15)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        running.rule = good_answer
        yield running


def asked(server: FakeServer) -> Counter[str]:
    return Counter(seen.body["messages"][-1]["content"] for seen in server.chats)


def test_answers_become_negatives_with_their_origin(
    server: FakeServer, animal_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNEG_LLM_API_KEY", KEY)
    config = load_config(values={"dataset.location": str(animal_folder), "llm.server": server.url})
    summaries = run_pipeline(config, tmp_path / "run", until="mix")
    rows = read_table(tmp_path / "run" / "pool" / "negatives" / "llm.parquet").to_pylist()
    assert len(rows) == summaries["synthesize"]["proposed"] == 10
    for row in rows:
        assert row["model"] == "fake"
        assert row["domain"] and row["level"] and row["length"] and row["prompt"]
        assert row["query_similarity"] is not None
    assert summaries["mix"]["synthetic_used"]
    # The key went to the server and nowhere else.
    assert {seen.headers.get("Authorization") for seen in server.chats} == {f"Bearer {KEY}"}
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_a_refused_key_stops_before_any_long_work(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    server.models = Reply(status=401, body={"error": {"message": "wrong key"}})
    config = load_config(values={"dataset.location": str(animal_folder), "llm.server": server.url})
    with pytest.raises(InputError, match="SYNEG_LLM_API_KEY"):
        run_pipeline(config, tmp_path / "run")
    assert not (tmp_path / "run" / "embeddings").exists()


def test_faults_do_not_lose_the_rest(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    server.faults.extend(
        [
            Reply(status=429, headers={"Retry-After": "0"}, body={"error": {"message": "slow"}}),
            Reply(status=500, body={"error": {"message": "oops"}}),
            Reply(ending="reset"),
            Reply(body=completion('{"reasoning": "cut', finish="length")),
            Reply(body=completion("I am sorry, I cannot help with that.")),
        ]
    )
    values = {"dataset.location": str(animal_folder), "llm.server": server.url}
    # The answers are alike on purpose.
    config = load_config(values={**values, "filters.near_duplicate_share": 1.0})
    summaries = run_pipeline(config, tmp_path / "run", until="mix")
    # What is cut off or refused is asked for a second time, with another sampler seed or as is.
    rows = read_table(tmp_path / "run" / "pool" / "negatives" / "llm.parquet").to_pylist()
    assert len(rows) == 10 and all(row["text"] for row in rows)
    assert summaries["synthesize"]["failed"] == {}
    assert summaries["mix"]["synthetic_accepted"] == 10


def test_no_stored_answer_is_asked_for_again_after_kill(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    command = [
        sys.executable, "-m", "syneg", "mix", "--dataset", str(animal_folder),
        "--llm", server.url, "--output", str(tmp_path / "run"), "--set", "llm.concurrency=2",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(server.chats) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = sum(asked(server).values())
    assert 5 <= before < 10
    subprocess.run(command, check=True, capture_output=True)
    counts = asked(server)
    assert len(counts) == 10
    # Only what was in flight when the process died is asked twice.
    assert sum(counts.values()) - 10 <= 2
    summary = read_json(tmp_path / "run" / "manifest.json")["stages"]["synthesize"]["summary"]
    assert summary["answered_before"] >= before - 2
    assert summary["proposed"] == 10


def test_the_number_of_queries_can_be_limited(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    values = {
        "dataset.location": str(animal_folder),
        "llm.server": server.url,
        "llm.queries": 3,
        "synthesis.per_query": 2,
    }
    summaries = run_pipeline(load_config(values=values), tmp_path / "run", until="synthesize")
    rows = read_table(tmp_path / "run" / "pool" / "negatives" / "llm.parquet")
    assert summaries["synthesize"]["proposed"] == 6
    assert len(set(rows["query_id"].to_pylist())) == 3


def test_a_low_yield_is_said_and_means_mined_only(
    server: FakeServer, animal_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.rule = lambda seen: Reply(body=completion("no JSON at all"))
    config = load_config(values={"dataset.location": str(animal_folder), "llm.server": server.url})
    summaries = run_pipeline(config, tmp_path / "run", until="mix")
    assert not summaries["mix"]["synthetic_used"]
    assert "llm" not in summaries["mix"]["by_source"]
    assert "mined-only" in caplog.text


def test_the_local_model_writes_negatives(animal_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    values = {
        "dataset.location": str(animal_folder),
        "llm.server": "local",
        "llm.queries": 2,
        "llm.concurrency": 2,
        "synthesis.max_tokens": 200,
        "synthesis.longest_words": 30,
        "offline": True,
    }
    summaries = run_pipeline(load_config(values=values), tmp_path / "run", until="filter")
    rows = read_table(tmp_path / "run" / "pool" / "negatives" / "llm.parquet").to_pylist()
    assert len(rows) == 2
    assert summaries["synthesize"]["model"].startswith("SmolLM2")
    assert all(row["completion_tokens"] > 0 for row in rows)
    judged = {one["gate"]: one["judged"] for one in summaries["filter"]["gates"]}
    assert judged["format"] == 2


def test_what_is_sent_elsewhere_is_said_first(
    animal_folder: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # A name that is reserved for not existing: nothing leaves this machine.
    values = {"dataset.location": str(animal_folder), "llm.server": "https://llm.invalid/v1"}
    with pytest.raises(InputError, match=r"llm\.invalid"):
        run_pipeline(load_config(values=values), tmp_path / "run")
    assert "10 queries and 10 documents will be sent to https://llm.invalid/v1" in caplog.text
