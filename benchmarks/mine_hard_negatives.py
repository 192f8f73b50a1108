"""`syneg mine` against sentence-transformers' `mine_hard_negatives`, from files to files.

Each side runs in a child process of its own on the same data, model and machine: once at its
defaults (sentence-transformers computes in float32, syneg in bfloat16 where that is fast), and
once in each precision that the other side has. Every side reads the data set, loads the model,
encodes, searches, chooses the 10 nearest documents that are no known positive, and writes
them. Prints seconds and peak memory of each, the ratios, and the overlap of the chosen 10.

    python benchmarks/mine_hard_negatives.py --dataset ../shared/data/scifact
    python benchmarks/mine_hard_negatives.py --dataset ../shared/data/scifact --most-documents 200
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIDES = ("sentence-transformers", "syneg")
PRECISIONS = ("default", "float32", "bfloat16")
NEGATIVES = 10
Chosen = dict[str, list[str]]


def main() -> None:
    """Run every side in every precision, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="../shared/data/scifact", help="A BEIR folder.")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--most-documents", type=int, help="Only a part, to try this out.")
    parser.add_argument("--child", nargs=2, metavar=("SIDE", "PRECISION"), help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(*options.child, options.dataset, options.model, options.output)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = options.dataset
        if options.most_documents:
            dataset = str(_part(Path(dataset), options.most_documents, folder / "part"))
        results = {
            (side, precision): _measured(side, precision, dataset, options.model, folder)
            for precision in PRECISIONS
            for side in SIDES
        }
    _show(results)


def _measured(side: str, precision: str, dataset: str, model: str, folder: Path) -> dict[str, Any]:
    output = folder / f"{side}-{precision}.json"
    command = [
        sys.executable, __file__, "--child", side, precision, "--dataset", dataset,
        "--model", model, "--output", str(output),
    ]  # fmt: skip
    started = time.perf_counter()
    quiet = {**os.environ, "TQDM_DISABLE": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=quiet)
    whole = time.perf_counter() - started
    found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    sys.stdout.write(
        f"{side:>22} {precision:>9}: {found['seconds']:7.1f} s ({whole:.1f} s with start), "
        f"peak {found['peak']:.2f} GB\n"
    )
    sys.stdout.flush()
    return found


def _show(results: dict[tuple[str, str], dict[str, Any]]) -> None:
    for precision in PRECISIONS:
        theirs, ours = (results[side, precision] for side in SIDES)
        sys.stdout.write(
            f"{precision:>9}: {theirs['seconds'] / ours['seconds']:.2f} times as fast, "
            f"{ours['peak'] / theirs['peak']:.2f} times the memory, overlap of the top "
            f"{NEGATIVES}: {_overlap(theirs['chosen'], ours['chosen']):.4f}\n"
        )


def _overlap(first: Chosen, second: Chosen) -> float:
    """Return the mean share of a query's negatives that both chose."""
    shares = [
        len(set(first[query]) & set(second.get(query, ()))) / max(1, len(set(first[query])))
        for query in first
    ]
    return sum(shares) / max(1, len(shares))


def _child(side: str, precision: str, dataset: str, model: str, output: Path) -> None:
    mine = _with_syneg if side == "syneg" else _with_sentence_transformers
    started = time.perf_counter()
    chosen = mine(dataset, model, precision, output)
    found = {
        "seconds": time.perf_counter() - started,
        # Linux counts in kibibytes.
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "chosen": chosen,
    }
    output.write_text(json.dumps(found), encoding="utf-8")


def _with_syneg(dataset: str, model: str, precision: str, output: Path) -> Chosen:
    from syneg.cli.mine_alone import Alone

    path = output.with_suffix(".mined.jsonl")
    Alone(
        dataset=dataset, output=path, to="jsonl", explain=None,
        # A folder of its own: nothing is found there.
        cache=output.with_suffix(".cache"), skip_unknown=True,
        plan=Alone.planned(
            source=["dense"], select=["top"], reference=None, depth=NEGATIVES, language=None,
            negatives=NEGATIVES, split="train", seed=None,
        ),
        model=model, precision="auto" if precision == "default" else precision, max_length=None,
        trust_remote_code=False, offline=True,
    ).mine()  # fmt: skip
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    return {
        row["query"]: [f"{one['title']} {one['text']}".strip() for one in row["negatives"]]
        for row in rows
    }


def _with_sentence_transformers(dataset: str, model: str, precision: str, output: Path) -> Chosen:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.util import mine_hard_negatives

    from syneg.encoders.locate import locate_model

    folder = Path(dataset)
    corpus = {
        row["_id"]: f"{row['title']} {row['text']}".strip() for row in _rows(folder, "corpus")
    }
    queries = {row["_id"]: row["text"] for row in _rows(folder, "queries")}
    pairs = _judged(folder)
    encoder = SentenceTransformer(str(locate_model(model, offline=True)), local_files_only=True)
    if precision == "bfloat16":
        encoder = encoder.bfloat16()
    mined = mine_hard_negatives(
        Dataset.from_dict(
            {
                "anchor": [queries[query] for query, _ in pairs],
                "positive": [corpus[document] for _, document in pairs],
            }
        ),
        encoder,
        corpus=list(dict.fromkeys(corpus.values())),
        num_negatives=NEGATIVES,
        output_format="n-tuple",
        verbose=False,
    )
    mined.to_json(str(output.with_suffix(".mined.jsonl")))
    names = [f"negative_{number}" for number in range(1, NEGATIVES + 1)]
    return {row["anchor"]: [row[name] for name in names] for row in mined}


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    text = (folder / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _judged(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "qrels" / "train.tsv").read_text(encoding="utf-8").splitlines()[1:]
    fields = [line.split("\t") for line in lines if line.strip()]
    return [(query, document) for query, document, grade in fields if int(grade) > 0]


def _part(folder: Path, most: int, to: Path) -> Path:
    """Write the first documents, and the pairs that are left of the training split."""
    (to / "qrels").mkdir(parents=True)
    pairs = _judged(folder)
    first = list(dict.fromkeys(document for _, document in pairs))[: most // 2]
    corpus = sorted(_rows(folder, "corpus"), key=lambda row: row["_id"] not in set(first))[:most]
    kept = {row["_id"] for row in corpus}
    left = [pair for pair in pairs if pair[1] in kept]
    asked = {query for query, _ in left}
    queries = [row for row in _rows(folder, "queries") if row["_id"] in asked]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        lines = (json.dumps(row) + "\n" for row in rows)
        (to / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    judged = "".join(f"{query}\t{document}\t1\n" for query, document in left)
    header = "query-id\tcorpus-id\tscore\n"
    (to / "qrels" / "train.tsv").write_text(header + judged, encoding="utf-8")
    return to


if __name__ == "__main__":
    main()
