from __future__ import annotations

import gc
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from asking import requests, run
from fake_server import FakeServer, Reply, Seen, completion, echo
from processes import obey_interrupts
from syneg.errors import InputError
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest, FailureKind


def number_of(seen: Seen) -> int:
    return int(seen.body["messages"][-1]["content"].split()[-1])


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_all_at_once(server: FakeServer, journal: Journal, status: int) -> None:
    server.rule = lambda seen: echo(seen) if number_of(seen) < 10 else Reply(status=status)
    with pytest.raises(InputError, match=r"refuses the key .* SYNEG_LLM_API_KEY"):
        run(server, journal, requests(200), concurrency=4)
    # The last ones may have been under way when the refusal came.
    answers = journal.totals().answers
    assert 10 - 3 <= answers <= 10
    assert len(server.chats) <= 10 + 4
    assert journal.spent_seconds("synthesize") > 0
    server.rule = echo
    assert run(server, journal, requests(20)).answered_before == answers


def test_a_server_that_goes_away_stops_the_run(server: FakeServer, journal: Journal) -> None:
    server.rule = lambda seen: echo(seen) if number_of(seen) < 7 else Reply(ending="reset")
    with pytest.raises(InputError, match=r"stopped answering.*run the same command again"):
        run(server, journal, requests(500), concurrency=4, attempts=2)
    assert journal.totals().answers == 7
    assert 8 <= journal.failures()[FailureKind.UNREACHABLE].count <= 8 + 4


def test_a_wrong_model_does_not_fail_a_hundred_thousand_times(
    server: FakeServer, journal: Journal
) -> None:
    server.rule = lambda seen: Reply(status=404, body={"error": {"message": "no such model"}})
    with pytest.raises(InputError, match=r"50 requests in a row.*no such model"):
        run(server, journal, requests(500), concurrency=2)


def test_unusable_answers_never_stop_the_run(server: FakeServer, journal: Journal) -> None:
    server.rule = lambda seen: Reply(body=completion(""))
    summary = run(server, journal, requests(120), concurrency=4, attempts=1)
    assert summary.failed[FailureKind.BAD_ANSWER].count == 120


def test_a_full_disk_stops_the_run(server: FakeServer, journal: Journal) -> None:
    journal._file.writer.execute("PRAGMA max_page_count = 1")
    with pytest.raises(OSError, match="No space left"):
        run(server, journal, requests(500))


INTERRUPTED = """
import sys
from pathlib import Path
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.engine import answer_all
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest
requests = [ChatRequest(system="s", user=f"request {n}") for n in range(10_000)]
with Journal(Path(sys.argv[1])) as journal:
    answer_all(requests, OpenAICompatibleModel(sys.argv[2], "fake"), journal, concurrency=4)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_stopped_from_outside_it_goes_on_where_it_was(
    tmp_path: Path, server: FakeServer, how: str
) -> None:
    server.rule = lambda seen: Reply(body=completion("x"), delay=0.02)
    path = tmp_path / "journal.sqlite"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, path, server.url],
        stderr=subprocess.PIPE,
        preexec_fn=obey_interrupts,
    )
    deadline = time.monotonic() + 60
    while len(server.chats) < 100 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT if how == "interrupted" else signal.SIGKILL)
    _, error = process.communicate(timeout=20)
    assert process.returncode != 0
    if how == "interrupted":
        assert b"KeyboardInterrupt" in error
        assert b"never retrieved" not in error
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    with Journal(path) as journal:
        answers = journal.totals().answers
        # All but those under way when the process ended.
        assert 100 - 8 <= answers <= len(server.chats)
        assert journal.failures() == {}
        assert journal.spent_seconds("synthesize") > 0
        server.rule = echo
        summary = run(server, journal, requests(answers + 20))
        assert summary.answered_before == answers
        assert summary.answered_now == 20


def test_failures_are_remembered_without_what_was_asked_and_replied(
    server: FakeServer, journal: Journal
) -> None:
    # The fake server would keep every request; here only what the engine keeps is looked at.
    server.rule = lambda seen: Reply(body=completion("I cannot help with that. " + "x" * 20_000))
    kept: list[int] = []

    def work() -> Iterator[ChatRequest]:
        for number in range(400):
            server.seen.clear()
            if number in (200, 399):
                gc.collect()
                kept.append(tracemalloc.get_traced_memory()[0])
            yield ChatRequest(
                system="s", user=f"{number} " + "y" * 20_000, schema={"type": "object"}
            )

    tracemalloc.start()
    try:
        summary = run(server, journal, work(), attempts=1, concurrency=2)
    finally:
        tracemalloc.stop()
    assert summary.failed[FailureKind.REFUSAL].count == 400
    assert kept[1] - kept[0] < 200 * 5_000
