from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from syneg.llm.journal import Journal
from syneg.llm.journal_rows import StoredAnswer, StoredFailure
from syneg.llm.journal_writer import JournalWriter
from syneg.llm.prices import Spent
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError


def entry(number: int, text: str = "text") -> StoredAnswer:
    request = ChatRequest(system="s", user=f"user {number}")
    answer = ChatAnswer(text=text, finish="stop", prompt_tokens=4, completion_tokens=1, seconds=0.1)
    spent = Spent.on(request, answer, None)
    return StoredAnswer(request.key("m"), request, "m", answer, spent, 0.5)


def test_what_is_awaited_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"

    async def store() -> None:
        with Journal(path) as journal, JournalWriter(journal, "task") as writer:
            await asyncio.gather(*(writer.store(entry(number)) for number in range(500)))
            with Journal(path) as other:
                assert other.totals().answers == 500
                assert other.totals().cost == 250
                assert other.spent("task").answers == 500
                assert other.spent("task").tokens == 2500

    asyncio.run(store())


def test_what_nobody_waits_for_any_more_is_stored_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"

    async def worker(writer: JournalWriter, number: int) -> None:
        await writer.store(entry(number))

    async def interrupted() -> None:
        with Journal(path) as journal, JournalWriter(journal, "task") as writer:
            workers = [asyncio.create_task(worker(writer, number)) for number in range(50)]
            await asyncio.sleep(0)
            for one in workers:
                one.cancel()
            writer.add_seconds(2.0)
            raise ValueError

    with pytest.raises(ValueError):
        asyncio.run(interrupted())
    with Journal(path) as journal:
        assert journal.totals().answers == 50
        assert journal.spent_seconds("task") == 2


def test_a_full_disk_is_told_to_all_who_wait(tmp_path: Path) -> None:
    async def store() -> None:
        with Journal(tmp_path / "journal.sqlite") as journal:
            journal._file.writer.execute("PRAGMA max_page_count = 1")
            with JournalWriter(journal, "task") as writer:
                kept = [writer.store(entry(number, "x" * 9000)) for number in range(20)]
                told = await asyncio.gather(*kept, return_exceptions=True)
                assert all(isinstance(one, OSError) for one in told)
                assert isinstance(writer.error, OSError)

    with pytest.raises(OSError, match="No space left"):
        asyncio.run(store())


def test_what_others_spent_is_known_and_apart_from_the_own(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"

    async def store() -> None:
        with Journal(path) as journal:
            journal.write([entry(1)], task="task", seconds=3.0)
            with JournalWriter(journal, "task") as writer:
                assert writer.spent_by_others.answers == 1
                await writer.store(entry(2))
                assert writer.spent_by_others.answers == 1
                with Journal(path) as other:
                    # The same request again was paid for again.
                    other.write([entry(2), entry(3)], task="task")
                    other.write([entry(4)], task="another task")
                await writer.store(entry(5))
                assert writer.spent_by_others.answers == 3
                assert writer.spent_by_others.seconds == 3

    asyncio.run(store())


def test_odd_figures_of_a_server_stop_nothing(tmp_path: Path) -> None:
    request = ChatRequest(system="s\ud83d", user="u\ud83d")
    answer = ChatAnswer(
        text="t\ud83d",
        finish="\ud83d",
        prompt_tokens=10**30,
        completion_tokens=-1,
        seconds=float("nan"),
    )
    error = LanguageModelError(FailureKind.SERVER, "\ud83d", status=500)
    spent = Spent.on(request, answer, None)
    assert spent.tokens == 2
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.write(
            [
                StoredAnswer(request.key("m"), request, "m", answer, spent),
                StoredFailure("other", "m", error, 1),
            ]
        )
        found = journal.get(request.key("m"))
    assert found == ChatAnswer(
        text="t�", finish="�", prompt_tokens=None, completion_tokens=None, seconds=0.0
    )


WRITING = """
import asyncio, sys
from pathlib import Path
from syneg.llm.journal import Journal
from syneg.llm.journal_rows import StoredAnswer
from syneg.llm.journal_writer import JournalWriter
from syneg.llm.prices import Spent
from syneg.llm.protocol import ChatAnswer, ChatRequest

def entry(user):
    request = ChatRequest(system=f"system {sys.argv[2]}", user=user)
    answer = ChatAnswer(text=user, finish="stop", prompt_tokens=1, completion_tokens=1, seconds=1)
    return StoredAnswer(request.key("m"), request, "m", answer, Spent.on(request, answer, None))

async def main():
    with Journal(Path(sys.argv[1])) as journal, JournalWriter(journal, "task") as writer:
        for round in range(20):
            await asyncio.gather(*(writer.store(entry(f"{round} {n}")) for n in range(20)))

sys.stdin.readline()
asyncio.run(main())
"""


def test_several_processes_write_in_groups(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITING, path, str(n)], stdin=subprocess.PIPE)
        for n in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait() for process in processes] == [0, 0, 0]
    with Journal(path) as journal:
        assert journal.totals().answers == 3 * 400
        assert journal.spent("task").answers == 3 * 400
        for process in range(3):
            one = ChatRequest(system=f"system {process}", user="19 19")
            assert journal.get(one.key("m")) is not None


INTERRUPTED = """
import asyncio, os, signal, sqlite3, sys, threading, time
from pathlib import Path
from syneg.llm.journal import Journal
from syneg.llm.journal_rows import StoredAnswer
from syneg.llm.journal_writer import JournalWriter
from syneg.llm.protocol import ChatAnswer, ChatRequest

def entry(number):
    request = ChatRequest(system="s", user=str(number))
    answer = ChatAnswer(text="t", finish="stop", prompt_tokens=4, completion_tokens=1, seconds=0.1)
    return StoredAnswer(request.key("m"), request, "m", answer)

async def work(path):
    with Journal(path) as journal:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")  # The writer has to wait.
        def interrupt():
            for _ in range(2):
                time.sleep(0.2)
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            other.execute("COMMIT")
        with JournalWriter(journal, "task") as writer:
            writer.store(entry(0))
            time.sleep(0.1)  # It is being written; the others stand behind it.
            for number in range(1, 20):
                writer.store(entry(number))
            threading.Thread(target=interrupt).start()

try:
    asyncio.run(work(Path(sys.argv[1])))
except KeyboardInterrupt:
    sys.exit(7)
"""


def test_interrupted_twice_all_is_stored_first(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, path], timeout=60)
    assert done.returncode == 7
    with Journal(path) as journal:
        assert journal.totals().answers == 20
