"""How time and memory of exact search grow from ten thousand to a million documents.

Vectors are drawn once into a memory-mapped file; every measurement is a process of its own, so
that its peak memory is its own. The same run searches with FAISS's flat index, which holds the
corpus in memory, and with plain NumPy where that ends in time.

    python benchmarks/search.py --folder /tmp/vectors --svg growth.svg
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from syneg.encoders.contract import Precision
from syneg.encoders.devices import mining_precision
from syneg.encoders.given import open_vectors
from syneg.encoders.nearest import SearchMethod, SearchOptions, search_store

DIMENSIONS = 384
_AT_ONCE = 50_000
# Plain NumPy takes minutes beyond it.
_MOST_FOR_NUMPY = 100_000


def draw(path: Path, rows: int, seed: int) -> None:
    """Write unit vectors whose directions matter unequally, as those of encoders do."""
    if path.is_file() and np.load(path, mmap_mode="r").shape == (rows, DIMENSIONS):
        return
    weights = 1 / np.sqrt(np.arange(1, DIMENSIONS + 1, dtype=np.float32))
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((DIMENSIONS, DIMENSIONS)))[0]
    basis = (weights[:, None] * turned).astype(np.float32)
    generator = np.random.default_rng(seed)
    matrix = np.lib.format.open_memmap(path, "w+", np.float32, (rows, DIMENSIONS))
    for start in range(0, rows, _AT_ONCE):
        piece = generator.standard_normal(
            (min(_AT_ONCE, rows - start), DIMENSIONS), dtype=np.float32
        )
        piece = piece @ basis
        matrix[start : start + len(piece)] = piece / np.linalg.norm(piece, axis=1, keepdims=True)
    matrix.flush()


def measure(method: str, documents: Path, queries: Path, depth: int) -> dict[str, float]:
    """Search with one method in this process."""
    asked = np.load(queries)
    mining_precision()  # Importing what is used is not timed.
    started = time.perf_counter()
    if method == "numpy":
        scores = _with_numpy(asked, np.load(documents, mmap_mode="r"), depth)
    else:
        scores = _with_syneg(method, asked, documents, depth)
    seconds = time.perf_counter() - started
    # The sum tells whether two methods found documents of the same scores.
    return {
        "seconds": seconds,
        "peak_mb": _peak_mb(),
        "score_sum": float(scores.sum(dtype=np.float64)),
    }


def _peak_mb() -> float:
    # The figure of getrusage begins at what the process that started this one had.
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _with_syneg(method: str, asked: np.ndarray, documents: Path, depth: int) -> np.ndarray:
    screening = mining_precision() if method == "exact" else Precision.FLOAT32
    how = SearchMethod.FLAT if method == "faiss-flat" else SearchMethod.EXACT
    # FAISS alone is timed: no sample is searched for exactly beside it.
    if how is SearchMethod.FLAT:
        import faiss

        matrix = np.load(documents, mmap_mode="r")
        index = faiss.IndexFlatIP(DIMENSIONS)
        for start in range(0, len(matrix), _AT_ONCE):
            index.add(np.ascontiguousarray(matrix[start : start + _AT_ONCE]))
        return index.search(asked, depth)[0]
    options = SearchOptions(how, screening=screening)
    return search_store(asked, open_vectors(documents), depth, options).scores


def _with_numpy(asked: np.ndarray, matrix: np.ndarray, depth: int) -> np.ndarray:
    best = []
    for start in range(0, len(asked), 256):
        products = asked[start : start + 256] @ matrix.T
        rows = np.argpartition(products, -depth, axis=1)[:, -depth:]
        best.append(np.take_along_axis(products, rows, axis=1))
    return np.concatenate(best)


def run(options: argparse.Namespace) -> list[dict[str, object]]:
    """Measure every method at every size and print a table."""
    options.folder.mkdir(parents=True, exist_ok=True)
    queries = options.folder / f"queries-{options.queries}.npy"
    draw(queries, options.queries, 1)
    rows: list[dict[str, object]] = []
    _say("| documents | method | seconds | queries/s | peak MB | sum of scores |\n")
    _say("|---|---|---|---|---|---|\n")
    for size in options.documents:
        documents = options.folder / f"documents-{size}.npy"
        draw(documents, size, 2)
        for method in options.methods:
            if method == "numpy" and size > _MOST_FOR_NUMPY:
                continue
            command = [sys.executable, __file__, "--one", method, "--folder", options.folder]
            command += ["--documents", size, "--queries", options.queries]
            command += ["--depth", options.depth]
            done = subprocess.run(
                [str(part) for part in command], check=True, capture_output=True, text=True
            )
            found = json.loads(done.stdout)
            rows.append({"documents": size, "method": method, **found})
            _say(
                f"| {size:,} | {method} | {found['seconds']:.1f} | "
                f"{options.queries / found['seconds']:.0f} | {found['peak_mb']:.0f} | "
                f"{found['score_sum']:.2f} |\n"
            )
    return rows


def growth_svg(rows: list[dict[str, object]]) -> str:
    """Return a figure of two panels, seconds and memory over documents, both on log scales."""
    panels = [_panel(rows, "seconds", "seconds", 60), _panel(rows, "peak_mb", "peak MB", 420)]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 320" '
        'font-family="sans-serif" font-size="12"><rect width="760" height="320" fill="#fff"/>'
        + "".join(panels)
        + "</svg>\n"
    )


def _panel(rows: list[dict[str, object]], field: str, title: str, left: int) -> str:
    sizes = [math.log10(float(str(row["documents"]))) for row in rows]
    values = [math.log10(float(str(row[field]))) for row in rows]
    low, high = math.floor(min(values)), math.ceil(max(values))
    first, last = min(sizes), max(max(sizes), min(sizes) + 1)

    def across(size: float) -> float:
        return left + 280 * (size - first) / (last - first)

    def down(value: float) -> float:
        return 260 - 220 * (value - low) / max(1, high - low)

    parts = [f'<text x="{left}" y="20" font-weight="bold">{title}</text>']
    for power in range(low, high + 1):
        parts.append(
            f'<path d="M{left} {down(power):.1f}h280" stroke="#ddd"/><text x="{left - 6}" '
            f'y="{down(power) + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'
        )
    for size in sorted(set(sizes)):
        parts.append(
            f'<text x="{across(size):.1f}" y="280" text-anchor="middle">{10**size:,.0f}</text>'
        )
    methods = list(dict.fromkeys(str(row["method"]) for row in rows))
    for number, method in enumerate(methods):
        color = ("#0b6e99", "#c2571a", "#5a7d2a", "#7a4d9e")[number % 4]
        points = [
            f"{across(size):.1f},{down(value):.1f}"
            for row, size, value in zip(rows, sizes, values, strict=True)
            if row["method"] == method
        ]
        parts.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" '
            f'stroke-width="2"/><text x="{left + 8}" y="{40 + 14 * number}" fill="{color}">'
            f"{method}</text>"
        )
    return "".join(parts)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("vectors"))
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument(
        "--methods", nargs="+", default=["exact", "exact-float32", "faiss-flat", "numpy"]
    )
    parser.add_argument("--svg", type=Path, help="where to draw the growth")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        documents = options.folder / f"documents-{options.documents[0]}.npy"
        queries = options.folder / f"queries-{options.queries}.npy"
        _say(json.dumps(measure(options.one, documents, queries, options.depth)))
        return
    rows = run(options)
    if options.svg:
        options.svg.write_text(growth_svg(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
