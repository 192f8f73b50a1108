"""How long it takes to select again from stored candidates, and in how much memory.

Columns of 100,000 queries × 200 candidates are made up, then every kind of rule is asked over
all of them. Prints a line for each: seconds, rows a second, and the peak of the process.

    python benchmarks/selection.py
    python benchmarks/selection.py --queries 1000
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import replace

import numpy as np

from syneg.mining.candidates import Candidates, Positives
from syneg.mining.rules import parse_rules
from syneg.mining.selection import select

SELECTIONS = (
    "perc-pos:0.95 top",
    "rank:1-100 perc-pos:0.95 margin:0.05 similarity-min:0.1 top",
    "perc-pos:0.95 random",
    "perc-pos:0.95 simans:a=0.5,b=0",
)


def made_up(queries: int, depth: int, seed: int = 0) -> tuple[Candidates, Positives]:
    """Return candidates with falling similarities and one to three positives a query."""
    generator = np.random.default_rng(seed)
    near = -np.sort(-generator.random((queries, depth), np.float32), axis=1)
    documents = generator.integers(0, 10_000_000, (queries, depth))
    names = [f"query-{number}" for number in range(queries)]
    found = Candidates.from_grid("dense", names, documents, near)
    counts = generator.integers(1, 4, queries)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    known = generator.integers(0, 10_000_000, int(offsets[-1]))
    similar = generator.random(len(known), np.float32)
    return replace(found, similarities=found.scores), Positives(names, offsets, known, similar)


def main() -> None:
    """Measure every selection once, after a small one that warms up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--depth", type=int, default=200)
    parser.add_argument("--negatives", type=int, default=4)
    options = parser.parse_args()
    select(*made_up(100, 50), parse_rules(SELECTIONS[3:]), wanted=options.negatives)
    candidates, positives = made_up(options.queries, options.depth)
    write = sys.stdout.write
    write(f"{options.queries:,} queries × {options.depth} candidates = {len(candidates):,} rows\n")
    write(f"peak before: {_peak():.2f} GB\n")
    for text in SELECTIONS:
        started = time.perf_counter()
        done = select(candidates, positives, parse_rules([text]), wanted=options.negatives)
        table = done.table()
        seconds = time.perf_counter() - started
        write(
            f"{text}: {seconds:.2f} s, {len(candidates) / seconds / 1e6:.1f} million rows/s, "
            f"{int(done.chosen.sum()):,} chosen, {int((table['missing'].to_numpy() > 0).sum()):,} "
            f"queries with too few, peak {_peak():.2f} GB\n"
        )


def _peak() -> float:
    # Linux counts in kibibytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
