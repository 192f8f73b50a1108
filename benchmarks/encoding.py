"""Documents per second of encoding, against sentence-transformers' `encode` in the same run.

    python benchmarks/encoding.py --data DATA/scifact --documents 600

Every arm encodes the same documents in rounds, one arm after the other, and the best round of
each counts: what else the machine does then falls on all of them. On a processor that others
use too, the time that this process computed tells more than the time that passed: run it in one
thread and read the last two columns. The overlap is the share of
each query's ten nearest documents (exact search) that the arm has in common with the first.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from syneg.datasets.beir import read_beir_folder
from syneg.encoders.encoder import Precision, SentenceEncoder, load_encoder
from syneg.encoders.search import exact_search

Encode = Callable[[Sequence[str]], np.ndarray]


def arms(model: str, device: str | None) -> dict[str, Encode]:
    """Return what is compared: sentence-transformers at its defaults first."""
    import torch

    encoders = {
        precision: load_encoder(model, precision=precision, device=device)
        for precision in Precision
    }
    library = encoders[Precision.FLOAT32].model

    def at_defaults(texts: Sequence[str]) -> np.ndarray:
        vectors: np.ndarray = library.encode(list(texts), normalize_embeddings=True)
        return vectors

    def at_matched_precision(texts: Sequence[str]) -> np.ndarray:
        with torch.autocast(library.device.type, torch.bfloat16):
            found = library.encode(list(texts), normalize_embeddings=True, convert_to_tensor=True)
        vectors: np.ndarray = found.float().cpu().numpy()
        return vectors

    def ours(encoder: SentenceEncoder) -> Encode:
        return encoder.encode_documents

    return {
        "sentence-transformers, defaults": at_defaults,
        "syneg, float32": ours(encoders[Precision.FLOAT32]),
        "sentence-transformers, bfloat16": at_matched_precision,
        "syneg, bfloat16": ours(encoders[Precision.BFLOAT16]),
    }


def main() -> None:
    """Read the command line, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of the BEIR form")
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--device")
    options = parser.parse_args()
    dataset = read_beir_folder(options.data)
    rows = np.linspace(0, dataset.corpus.num_rows - 1, options.documents).astype(int)
    texts = dataset.document_texts(rows)
    queries = dataset.queries["text"].to_pylist()[: options.queries]
    compared = arms(options.model, options.device)
    passed = dict.fromkeys(compared, float("inf"))
    computed = dict.fromkeys(compared, float("inf"))
    vectors: dict[str, np.ndarray] = {}
    for encode in compared.values():
        encode(texts[:16])  # The first call prepares kernels.
    for _ in range(options.rounds):
        for name, encode in compared.items():
            started, used = time.perf_counter(), time.process_time()
            vectors[name] = encode(texts)
            passed[name] = min(passed[name], time.perf_counter() - started)
            computed[name] = min(computed[name], time.process_time() - used)
    nearest = {
        name: exact_search(compared[name](queries), [(0, vectors[name])], 10)[0]
        for name in compared
    }
    first = next(iter(compared))
    sys.stdout.write(
        "| arm | overlap of the top 10 | documents/s | ratio | documents/s computed | ratio |\n"
        "|---|---|---|---|---|---|\n"
    )
    for name in compared:
        both = zip(nearest[name], nearest[first], strict=True)
        overlap = np.mean([len(np.intersect1d(one, other)) / 10 for one, other in both])
        cells = [f"{overlap:.3f}"]
        for seconds in (passed, computed):
            cells += [
                f"{len(texts) / seconds[name]:.1f}",
                f"{seconds[first] / seconds[name]:.2f}",
            ]
        sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
