"""How near the asking engine comes to what the machine allows: slots, rate, memory, resuming.

    python benchmarks/engine.py slots --slots 256 --latency 2 --items 2560
    python benchmarks/engine.py rate --items 5000 --concurrency 64
    python benchmarks/engine.py memory --sizes 10000 200000
    python benchmarks/engine.py resume --rows 1000000

Each prints a line of figures. The server is a process of its own on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from bare_client import BareModel

from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.engine import EngineSummary, answer_all
from syneg.llm.journal import Journal
from syneg.llm.journal_rows import StoredAnswer
from syneg.llm.protocol import ChatAnswer, ChatRequest, HoldsConnections, LanguageModel

_SERVER = Path(__file__).with_name("loopback_server.py")
_MODEL = "loopback"
_SYSTEM = "You write passages that look as if they answered a question and do not. " * 40
_SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "text": {"type": "string"}},
    "required": ["title", "text"],
}
_PASSAGE = "The river rises in the hills and flows to the sea past three old towns. " * 14
_ROWS_AT_ONCE = 20_000


def requests(count: int) -> Iterator[ChatRequest]:
    """Yield requests of about 4,000 characters, of which 2,900 are the same in all."""
    for number in range(count):
        yield ChatRequest(
            system=_SYSTEM, user=f"Query {number}: {_PASSAGE}", schema=_SCHEMA, seed=number
        )


@contextmanager
def loopback(latency: float, slots: int) -> Iterator[str]:
    """Yield the address of a server in another process."""
    command = [sys.executable, _SERVER, "--latency", str(latency), "--slots", str(slots)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def statistics(url: str) -> dict[str, Any]:
    """Return what the server counted since it was last asked."""
    with urllib.request.urlopen(f"{url}/statistics") as reply:
        counted: dict[str, Any] = json.load(reply)
    return counted


def run_engine(model: LanguageModel, count: int, concurrency: int, folder: Path) -> EngineSummary:
    """Ask so many requests with a new journal."""
    with Journal(folder / "journal.sqlite") as journal:
        return answer_all(requests(count), model, journal, concurrency=concurrency, total=count)


def _client(options: argparse.Namespace) -> Callable[[str, str], LanguageModel]:
    return BareModel if options.bare_client else OpenAICompatibleModel


def show(name: str, **figures: float | str) -> None:
    """Print one line of figures."""
    shown = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in figures.items()
    )
    sys.stdout.write(f"{name}: {shown}\n")
    sys.stdout.flush()


def slots(options: argparse.Namespace) -> None:
    """Measure the share of slot-seconds that the engine keeps busy."""
    concurrency = options.concurrency or options.slots
    with loopback(options.latency, options.slots) as url, tempfile.TemporaryDirectory() as folder:
        summary = run_engine(
            _client(options)(url, _MODEL), options.items, concurrency, Path(folder)
        )
        counted = statistics(url)
    least = -(-options.items // options.slots) * options.latency
    show(
        "slots",
        items=summary.answered_now,
        busy_share=counted["busy_share"],
        most_at_once=counted["most_at_once"],
        seconds=counted["seconds"],
        least_possible_seconds=least,
    )


def rate(options: argparse.Namespace) -> None:
    """Compare items per second with loops that ask and forget, by sockets and by our client."""
    count, concurrency = options.items, options.concurrency or 64
    with loopback(0, concurrency) as url:
        for _ in range(options.rounds):
            figures = {}
            for name, make in (("sockets", BareModel), ("client", OpenAICompatibleModel)):
                loop = count / asyncio.run(_loop(make(url, _MODEL), count, concurrency))
                with tempfile.TemporaryDirectory() as folder:
                    summary = run_engine(make(url, _MODEL), count, concurrency, Path(folder))
                engine = summary.answered_now / summary.seconds
                figures[f"loop_by_{name}"] = loop
                figures[f"engine_by_{name}"] = engine
                figures[f"engine_to_loop_by_{name}"] = engine / loop
            engine_to_limit = figures["engine_by_client"] / figures["loop_by_sockets"]
            show("items per second", **figures, engine_by_client_to_limit=engine_to_limit)


async def _loop(model: LanguageModel, count: int, concurrency: int) -> float:
    """Return the seconds of a loop that asks and forgets."""
    line = requests(count)

    async def work() -> None:
        for request in line:
            await model.answer(request)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    seconds = time.perf_counter() - started
    if isinstance(model, HoldsConnections):
        await model.close()
    return seconds


def memory(options: argparse.Namespace) -> None:
    """Measure the most memory of a process, for runs of several sizes."""
    concurrency = options.concurrency or 64
    with loopback(0, concurrency) as url:
        first = None
        for size in options.sizes:
            command = [sys.executable, __file__, "one-run", url, str(size), str(concurrency)]
            command += ["--bare-client"] if options.bare_client else []
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            mebibytes = float(done.stdout)
            first = first or mebibytes
            show("memory", items=size, peak_mib=mebibytes, growth_mib=mebibytes - first)


def one_run(options: argparse.Namespace) -> None:
    """Make one run and print the most memory that it took, in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        model = _client(options)(options.url, _MODEL)
        run_engine(model, options.items, options.concurrency, Path(folder))
    sys.stdout.write(f"{_peak_mebibytes()}\n")


def _peak_mebibytes() -> float:
    # Linux alone says it by process; it counts from this process's own beginning.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this system does not tell a process's memory")


def resume(options: argparse.Namespace) -> None:
    """Measure how long a journal of many answers takes to pass through again."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "journal.sqlite"
        started = time.perf_counter()
        _fill(path, options.rows)
        built = time.perf_counter() - started
        started = time.process_time()
        for _ in requests(options.rows):
            pass
        making = time.process_time() - started
        model = OpenAICompatibleModel("http://127.0.0.1:9", _MODEL)
        for _ in range(options.rounds):
            started, started_cpu = time.perf_counter(), time.process_time()
            with Journal(path) as journal:
                summary = answer_all(requests(options.rows), model, journal, total=options.rows)
            show(
                "resume",
                rows=options.rows,
                answered_before=summary.answered_before,
                seconds=time.perf_counter() - started,
                processor_seconds=time.process_time() - started_cpu,
                making_the_requests_alone=making,
                file_mib=path.stat().st_size / 2**20,
                peak_mib=_peak_mebibytes(),
                built_in_seconds=built,
            )


def _fill(path: Path, rows: int) -> None:
    answer = ChatAnswer(
        text='{"text": "short"}', finish="stop", prompt_tokens=9, completion_tokens=5, seconds=1.0
    )
    all_requests = requests(rows)
    with Journal(path) as journal:
        for _ in range(0, rows, _ROWS_AT_ONCE):
            journal.write(
                [
                    StoredAnswer(request.key(_MODEL), request, _MODEL, answer)
                    for request in islice(all_requests, _ROWS_AT_ONCE)
                ]
            )


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    bare = "ask over raw sockets instead of syneg's client: the engine by itself"
    command = commands.add_parser("slots", help=slots.__doc__)
    command.add_argument("--slots", type=int, default=256)
    command.add_argument("--latency", type=float, default=2.0)
    command.add_argument("--items", type=int, default=2560)
    command.add_argument("--concurrency", type=int, help="the number of slots by default")
    command.add_argument("--bare-client", action="store_true", help=bare)
    command.set_defaults(measure=slots)
    command = commands.add_parser("rate", help=rate.__doc__)
    command.add_argument("--items", type=int, default=5000)
    command.add_argument("--concurrency", type=int)
    command.add_argument("--rounds", type=int, default=3)
    command.set_defaults(measure=rate)
    command = commands.add_parser("memory", help=memory.__doc__)
    command.add_argument("--sizes", type=int, nargs="+", default=[10_000, 200_000])
    command.add_argument("--concurrency", type=int)
    command.add_argument("--bare-client", action="store_true", help=bare)
    command.set_defaults(measure=memory)
    command = commands.add_parser("one-run", help=one_run.__doc__)
    command.add_argument("url")
    command.add_argument("items", type=int)
    command.add_argument("concurrency", type=int)
    command.add_argument("--bare-client", action="store_true", help=bare)
    command.set_defaults(measure=one_run)
    command = commands.add_parser("resume", help=resume.__doc__)
    command.add_argument("--rows", type=int, default=1_000_000)
    command.add_argument("--rounds", type=int, default=1)
    command.add_argument("--folder", type=Path, help="where the journal is made for the time")
    command.set_defaults(measure=resume)
    options = parser.parse_args()
    options.measure(options)


if __name__ == "__main__":
    main()
