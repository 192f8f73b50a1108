from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.errors import InputError
from syneg.llm.journal import Journal
from syneg.llm.journal_rows import Failures
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError


def request(number: int) -> ChatRequest:
    return ChatRequest(system="s", user=f"user {number}", schema={"type": "object"}, tag="mine")


def answer(text: str = "text", tokens: int | None = 5) -> ChatAnswer:
    return ChatAnswer(
        text=text, finish="stop", prompt_tokens=tokens, completion_tokens=tokens, seconds=0.5
    )


def test_an_answer_comes_back_whole_and_later(tmp_path: Path) -> None:
    path = tmp_path / "made" / "on the way" / "journal.sqlite"
    key = request(1).key("model")
    with Journal(path) as journal:
        assert journal.get(key) is None
        journal.store(request(1), "model", answer(tokens=None))
    with Journal(path) as journal:
        assert journal.get(key) == answer(tokens=None)
        assert journal.get(request(1).key("another model")) is None


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_can_be_stored(text: str) -> None:
    with Journal(Path(":memory:")) as journal:
        journal.store(request(1), "model", answer(text))
        found = journal.get(request(1).key("model"))
    assert found is not None
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert found.text == joined


def test_the_first_answer_stays(journal: Journal) -> None:
    journal.store(request(1), "model", answer("first"))
    journal.store(request(1), "model", answer("second"))
    found = journal.get(request(1).key("model"))
    assert found is not None
    assert found.text == "first"
    assert journal.totals().answers == 1


def test_answered_takes_many_keys(journal: Journal) -> None:
    for number in range(0, 1200, 3):
        journal.store(request(number), "model", answer())
    keys = {number: request(number).key("model") for number in range(1200)}
    found = journal.answered(iter(keys.values()))
    assert found == {key for number, key in keys.items() if number % 3 == 0}
    assert journal.answered([]) == set()


def test_failures_are_no_answers(journal: Journal) -> None:
    for number, kind in enumerate([FailureKind.TIMEOUT, FailureKind.SERVER, FailureKind.SERVER]):
        journal.store_failure(request(number), "model", LanguageModelError(kind, "why"), 5)
    assert journal.answered(request(number).key("model") for number in range(3)) == set()
    assert journal.get(request(0).key("model")) is None
    assert journal.failures() == {
        FailureKind.SERVER: Failures(2, "why"),
        FailureKind.TIMEOUT: Failures(1, "why"),
    }
    # The last failure counts, and none does once there is an answer.
    error = LanguageModelError(FailureKind.BAD_ANSWER, "half\ud83d")
    journal.store_failure(request(0), "model", error, 2)
    journal.store(request(1), "model", answer())
    assert journal.failures() == {
        FailureKind.SERVER: Failures(1, "why"),
        FailureKind.BAD_ANSWER: Failures(1, "half�"),
    }


def test_totals_and_spent_seconds(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        assert journal.totals().answers == 0
        assert journal.spent_seconds() == 0
        journal.store(request(1), "model", answer())
        journal.store(request(2), "model", answer(tokens=None))
        journal.add_spent_seconds(1.5)
        journal.add_spent_seconds(2, "other")
    with Journal(path) as journal:
        journal.add_spent_seconds(1)
        assert journal.spent_seconds() == 2.5
        assert journal.spent_seconds("other") == 2
        totals = journal.totals()
        assert (totals.answers, totals.prompt_tokens, totals.completion_tokens) == (2, 5, 5)
        assert totals.seconds == 1.0


def test_what_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        for number in (1, 2):
            journal.store(request(number), "model", answer(), cost=0.25)
        assert journal.totals().cost == 0.5
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT user, settings, system_texts.text, schema_texts.text, cost FROM answers"
        " JOIN texts AS system_texts ON system_texts.id = system"
        " JOIN texts AS schema_texts ON schema_texts.id = schema"
    ).fetchall()
    # The system message and the schema stand there once.
    assert connection.execute("SELECT COUNT(*) FROM texts").fetchone() == (2,)
    connection.close()
    assert [row[0] for row in rows] == ["user 1", "user 2"]
    settings = {"temperature": 0.8, "max_tokens": 512, "seed": 0, "sample": 0}
    assert json.loads(rows[0][1]) == settings
    assert rows[0][2:] == ("s", '{"type": "object"}', 0.25)


KILLED = """
import sys, os
from pathlib import Path
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatAnswer, ChatRequest
journal = Journal(Path(sys.argv[1]))
for number in range(10**9):
    request = ChatRequest(system="s", user=str(number))
    journal.store(request, "m", ChatAnswer(text=str(number), finish="stop", prompt_tokens=1,
                  completion_tokens=1, seconds=0.1))
    os.write(1, f"{number}\\n".encode())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_killing_loses_no_stored_answer(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    process = subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(30)]
    process.kill()
    told += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    whole = [int(line) for line in told if line.endswith(b"\n")]
    with Journal(path) as journal:
        for number in whole:
            found = journal.get(ChatRequest(system="s", user=str(number)).key("m"))
            assert found is not None
            assert found.text == str(number)


WRITING = """
import sys
from pathlib import Path
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatAnswer, ChatRequest

def store(user, text):
    journal.store(ChatRequest(system="s", user=user), "m", ChatAnswer(
        text=text, finish="stop", prompt_tokens=1, completion_tokens=1, seconds=0.1))

sys.stdin.readline()
with Journal(Path(sys.argv[1])) as journal:
    for number in range(40):
        store(f"{sys.argv[2]}: {number}", "own")
        store(f"shared {number}", sys.argv[2])
        journal.add_spent_seconds(1)
"""


def test_several_processes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITING, path, str(n)], stdin=subprocess.PIPE)
        for n in range(3)
    ]
    # All open the file, which none has made yet, at the same time.
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait() for process in processes] == [0, 0, 0]
    with Journal(path) as journal:
        assert journal.totals().answers == 4 * 40
        assert journal.spent_seconds() == 3 * 40


def test_a_file_that_is_no_journal(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("These are notes and no database.\n" * 100)
    before = text.read_bytes()
    with pytest.raises(InputError, match="no journal"):
        Journal(text)
    assert text.read_bytes() == before
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    with pytest.raises(InputError, match="no journal"):
        Journal(other)


def test_a_damaged_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        for number in range(300):
            journal.store(request(number), "model", answer("x" * 500))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xab" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"journal\.sqlite: the file is no journal, or it is dam"):  # noqa: SIM117
        with Journal(path) as journal:
            journal.answered(request(number).key("model") for number in range(300))


def test_a_journal_of_a_later_format(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputError, match=r"later version .* update syneg"):
        Journal(path)


def test_a_path_that_cannot_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Journal(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="not a folder"):
        Journal(tmp_path / "file" / "journal.sqlite")


def test_a_full_disk_is_told_as_such(journal: Journal) -> None:
    journal.store(request(1), "model", answer())
    # SQLite gives the same error for this bound of its own as for a full disk.
    journal._file.writer.execute("PRAGMA max_page_count = 1")
    with pytest.raises(OSError, match=r"journal\.sqlite") as caught:
        for number in range(2, 50):
            journal.store(request(number), "model", answer("x" * 5000))
    assert caught.value.errno == errno.ENOSPC
    assert journal.get(request(1).key("model")) is not None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write all")
def test_a_journal_that_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    path.chmod(0o444)
    with pytest.raises((InputError, OSError)):
        Journal(path)
