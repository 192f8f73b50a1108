from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from fake_server import FakeServer, Reply, Seen, completion
from syneg.llm.journal import Journal

# 200 requests and 100 exchanges of three requests each.
WORKING = """
import sys
from dataclasses import dataclass
from pathlib import Path
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.engine import answer_all
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest

@dataclass(frozen=True)
class Steps:
    number: int
    def next_request(self, answers):
        if len(answers) == 3:
            return None
        before = answers[-1].text if answers else "nothing"
        return ChatRequest(system="s", user=f"{self.number} step {len(answers)} after {before}")

def work():
    for number in range(100):
        yield Steps(number)
        yield ChatRequest(system="s", user=f"single {2 * number}")
        yield ChatRequest(system="s", user=f"single {2 * number + 1}")

with Journal(Path(sys.argv[1])) as journal:
    model = OpenAICompatibleModel(sys.argv[2], "fake")
    summary = answer_all(work(), model, journal, concurrency=8, total=300)
    assert not summary.failed and not summary.not_reached
    assert summary.answered_before + summary.answered_now == 300, summary
"""


def rule(seen: Seen) -> Reply:
    # The same request yields the same answer, as with a fixed seed.
    text = f"{len(seen.body['messages'][-1]['content'])}"
    return Reply(body=completion(text), delay=0.01)


def stored_users(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return set()
        return {user for (user,) in connection.execute("SELECT user FROM answers")}
    finally:
        connection.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_again_and_again_all_is_answered_and_nothing_asked_twice(
    tmp_path: Path, server: FakeServer, kills: int
) -> None:
    server.rule = rule
    path = tmp_path / "journal.sqlite"
    chance = random.Random(kills)
    stored: set[str] = set()
    for _ in range(kills):
        mark = len(server.chats)
        process = subprocess.Popen([sys.executable, "-c", WORKING, path, server.url])
        until = mark + chance.randint(1, 2 * 500 // kills)
        deadline = time.monotonic() + 60
        while len(server.chats) < until and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(chance.random() * 0.02)
        process.kill()
        process.wait()
        time.sleep(0.05)  # What was on its way to the server arrives.
        asked = {seen.body["messages"][-1]["content"] for seen in server.chats[mark:]}
        assert not asked & stored
        now_stored = stored_users(path)
        assert now_stored >= stored
        stored = now_stored
    mark = len(server.chats)
    done = subprocess.run([sys.executable, "-c", WORKING, path, server.url], check=False)
    assert done.returncode == 0
    asked_last = [seen.body["messages"][-1]["content"] for seen in server.chats[mark:]]
    assert not set(asked_last) & stored
    assert len(asked_last) == len(set(asked_last))
    with Journal(path) as journal:
        assert journal.totals().answers == 500
    # Each kill can cost at most what was under way, or received and not yet on the disk.
    times = Counter(seen.body["messages"][-1]["content"] for seen in server.chats)
    assert sum(times.values()) - 500 <= kills * 24
