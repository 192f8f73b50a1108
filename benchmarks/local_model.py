"""How many tokens a second the local server gives, beside its own engine driven directly.

    python benchmarks/local_model.py --requests 48 --slots 8

The same requests go to llama.cpp inside a process (no HTTP, no journal) and through syneg's engine,
client, journal and local server, in turn; the best round of each counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from syneg.llm.engine import answer_all
from syneg.llm.journal import Journal
from syneg.llm.local import LocalServer, packaged_model_file, usable_processors
from syneg.llm.local_server import fill_parameters
from syneg.llm.protocol import ChatRequest

_SYSTEM = "You write short passages about animals for a small encyclopedia. " * 12
_TOKENS = 96
_CONTEXT = 1024


def requests(count: int) -> list[ChatRequest]:
    """Return requests that share their static part."""
    return [
        ChatRequest(
            system=_SYSTEM, user=f"Write about animal {number}.", max_tokens=_TOKENS, seed=number
        )
        for number in range(count)
    ]


def directly(count: int, slots: int) -> None:
    """Print the tokens per second of the engine in this process."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    options = Namespace(
        model_file=packaged_model_file(),
        slots=slots,
        context_tokens_per_slot=_CONTEXT,
        threads=usable_processors(),
    )
    fill_parameters(parameters, options)
    server = xllamacpp.Server(parameters)

    def ask(request: ChatRequest) -> int:
        body = {
            "messages": [
                {"role": "system", "content": request.system},
                {"role": "user", "content": request.user},
            ],
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
        }
        reply = server.handle_chat_completions(body)
        found = json.loads(reply) if isinstance(reply, str) else reply
        return int(found["usage"]["completion_tokens"])

    started = time.perf_counter()
    with ThreadPoolExecutor(slots) as pool:
        tokens = sum(pool.map(ask, requests(count)))
    sys.stdout.write(f"{tokens / (time.perf_counter() - started)}\n")
    sys.stdout.flush()


def through_syneg(count: int, slots: int) -> float:
    """Return the tokens per second through engine, client, journal and local server."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal(Path(folder) / "journal.sqlite") as journal,
        LocalServer(slots=slots, context_tokens_per_slot=_CONTEXT) as server,
    ):
        started = time.perf_counter()
        summary = answer_all(requests(count), server.model(), journal, concurrency=slots)
        return summary.completion_tokens / (time.perf_counter() - started)


def main() -> None:
    """Print both rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=48)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--directly", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.directly:
        directly(options.requests, options.slots)
        return
    best = {"directly": 0.0, "syneg": 0.0}
    command = [sys.executable, __file__, "--directly", f"--requests={options.requests}"]
    for _ in range(options.rounds):
        # A process of its own: two copies of llama.cpp would share the threads.
        ended = subprocess.run(
            [*command, f"--slots={options.slots}"], capture_output=True, text=True, check=True
        )
        best["directly"] = max(best["directly"], float(ended.stdout.split()[-1]))
        best["syneg"] = max(best["syneg"], through_syneg(options.requests, options.slots))
    sys.stdout.write(
        f"directly {best['directly']:.1f} tokens/s, through syneg {best['syneg']:.1f}: "
        f"{best['syneg'] / best['directly']:.1%}\n"
    )


if __name__ == "__main__":
    main()
