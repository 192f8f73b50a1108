"""How many items a second are asked and kept, beside other tools for synthetic data.

Every tool asks a loopback server that answers at once, in the same run, one after the other, so
what is measured is the tool. syneg keeps every answer on the disk before it goes on; the others
are taken at their defaults but for their concurrency, and each in a virtual environment of its
own (what to install there stands in the scripts under `peers/`):

    python benchmarks/synthesis_peers.py --distilabel A/bin/python --curator B/bin/python
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from engine import loopback

from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.engine import answer_all
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest

_PEERS = Path(__file__).parent / "peers"
_LONGEST_SECONDS = 900


def with_syneg(url: str, items: int, concurrency: int) -> float:
    """Return the items per second of this project's engine, client and journal."""
    requests = (
        ChatRequest(system="", user=f"Write hard negative number {number}.")
        for number in range(items)
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal(Path(folder) / "journal.sqlite") as journal,
    ):
        started = time.perf_counter()
        model = OpenAICompatibleModel(url, "loopback")
        summary = answer_all(requests, model, journal, concurrency=concurrency, total=items)
        seconds = time.perf_counter() - started
    return summary.answered_now / seconds


def with_peer(python: Path, script: str) -> Callable[[str, int, int], float]:
    """Return what measures a peer in its own interpreter."""

    def measure(url: str, items: int, concurrency: int) -> float:
        ended = subprocess.run(
            [str(python), str(_PEERS / script), f"{url}/v1", str(items), str(concurrency)],
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
        lines = [one for one in ended.stdout.splitlines() if one.startswith('{"answered"')]
        if not lines:
            sys.exit(f"{script} failed:\n{ended.stderr[-2000:]}")
        found = json.loads(lines[-1])
        return float(found["answered"] / found["seconds"])

    return measure


def main() -> None:
    """Print the items per second of each tool and its ratio to syneg's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--distilabel", type=Path, help="its interpreter")
    parser.add_argument("--curator", type=Path, help="its interpreter")
    options = parser.parse_args()
    tools: dict[str, Callable[[str, int, int], float]] = {"syneg": with_syneg}
    if options.distilabel:
        tools["distilabel"] = with_peer(options.distilabel, "with_distilabel.py")
    if options.curator:
        tools["curator"] = with_peer(options.curator, "with_curator.py")
    best = dict.fromkeys(tools, 0.0)
    with loopback(0.0, 4096) as url:
        for _ in range(options.rounds):
            for name, measure in tools.items():
                rate = measure(url, options.items, options.concurrency)
                best[name] = max(best[name], rate)
                sys.stdout.write(f"{name}: {rate:,.0f} items/s\n")
                sys.stdout.flush()
    for name, rate in best.items():
        if name != "syneg":
            sys.stdout.write(f"syneg / {name}: {best['syneg'] / rate:.1f}\n")


if __name__ == "__main__":
    main()
