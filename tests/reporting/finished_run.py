"""Small finished run folders, written by the project's own functions, with no model at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from syneg.datasets.beir import write_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.splits import positives_seen
from syneg.evaluation.metrics import METRICS, aligned, averages
from syneg.evaluation.retrieve import RUN_SCHEMA, write_trec_run
from syneg.evaluation.significance import compare_paired
from syneg.files import read_table, write_json, write_table
from syneg.filters.run import false_negative_verdicts, gate_yield, judge_synthetic
from syneg.mixing.mixer import mix
from syneg.negatives.record import Negative, negative_identity, to_table
from syneg.pipeline.config import load_config
from syneg.pipeline.manifest import Manifest
from syneg.pipeline.run import Run

Score = Callable[[str], tuple[float, float]]
ANIMALS = ("cat", "dog", "cow", "bee", "owl", "ant", "fox", "whale", "camel", "spider")
HABIT = "lives with others of its kind, eats what it finds in the morning, rests at noon, and"


def animals(suffix: str = "") -> RetrievalDataset:
    """Ten animals: six to train on, two to choose by, three to test, one of them trained on."""
    return RetrievalDataset.from_rows(
        "animals",
        corpus=[
            (f"d-{name}", f"The {name}", f"The {name} {HABIT} sleeps at night{suffix}.")
            for name in ANIMALS
        ],
        queries=[(f"q-{name}", f"What does the {name} do?{suffix}") for name in ANIMALS]
        + [("q-again", f"Once more: the cat?{suffix}")],
        qrels={
            "train": [(f"q-{name}", f"d-{name}", 1) for name in ANIMALS[:6]],
            "dev": [(f"q-{name}", f"d-{name}", 1) for name in ANIMALS[6:8]],
            "test": [(f"q-{name}", f"d-{name}", 1) for name in ANIMALS[8:]]
            + [("q-again", "d-cat", 1)],
        },
    )  # fmt: skip


def written(name: str, number: int = 0, **fields: Any) -> Negative:
    """A negative that a language model wrote for an animal; it passes the gates."""
    other = ANIMALS[(ANIMALS.index(name) + 1 + number) % len(ANIMALS)]
    text = (
        f"A {other} seldom meets people because it prefers quiet valleys where water runs slowly "
        f"and where number {number} of its cousins keeps watch over eggs, seeds and young {name}s."
    )
    base: dict[str, Any] = {
        "negative_id": negative_identity(f"q-{name}", f"d-{name}", "llm", str(number)),
        "query_id": f"q-{name}", "positive_id": f"d-{name}", "source": "llm",
        "title": "", "text": text, "query_similarity": 0.6, "positive_similarity": 0.5,
        "domain": "zoology", "level": "high school", "length": "as long as the positive",
        "reasoning": f"It is about a {other}.", "check": "pass", "model": "tiny",
        "prompt_tokens": 100, "completion_tokens": 50,
    }  # fmt: skip
    return Negative(**{**base, **fields})


def rising(query_id: str) -> tuple[float, float]:
    """Scores of a model that got better, except on one query."""
    return (0.9, 0.4) if query_id == "q-spider" else (0.5, 0.8)


class RunMaker:
    """Makes run folders with all stages before the report done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        synthetic: list[Negative] | None = None,
        *,
        data: RetrievalDataset | None = None,
        scores: Score = rising,
        values: dict[str, Any] | None = None,
        train: dict[str, Any] | None = None,
        asked: dict[str, Any] | None = None,
        pilot: dict[str, Any] | None = None,
    ) -> Run:
        write_beir_folder(data or animals(), self.folder / "data")
        server = "none" if synthetic is None else "local"
        config = load_config(
            values={"dataset.location": str(self.folder / "data"), "llm.server": server,
                    # The texts are alike on purpose.
                    "filters.near_duplicate_share": 1.0,
                    "mixing.retrieved": 2, **(values or {})}
        )  # fmt: skip
        place = self.folder / "run"
        place.mkdir()
        run = Run(place, config, Manifest(place, config))
        run.manifest.state("starting model", "abcdef", "")
        self._data(run)
        run.manifest.finish("pilot", pilot or {"skipped": "there are too few queries"}, [], 8.5)
        self._negatives(run, synthetic, {"server": server, **(asked or {})})
        summary = {
            "steps": 6, "instances": 6, "losses": [[5, 1.25], [6, 0.75]],
            "development": {"1": 0.6, "2": 0.8, "3": 0.7}, "best_epoch": 2,
            "precision": "float32", "seconds": 2.0, "development_documents": 10,
        }  # fmt: skip
        run.manifest.finish("train", {**summary, **(train or {})}, [], 61.0)
        self._evaluation(run, scores)
        return run

    def _data(self, run: Run) -> None:
        data = run.dataset
        splits = {
            name: {"queries": len(data.query_ids(name)), "positives": data.positives(name).num_rows}
            for name in ("train", "dev", "test")
        }
        summary = {"name": data.name, "documents": data.corpus.num_rows, "splits": splits}
        run.manifest.finish("data", {**summary, "notes": list(data.notes)}, [], 1.5)
        run.manifest.finish("baseline", {"test": {"documents_too_long": 4}}, [], 2.5)

    def _negatives(self, run: Run, synthetic: list[Negative] | None, asked: dict[str, Any]) -> None:
        mined = to_table(_mined())
        for source in ("bm25", "dense", "random"):
            of_source = [one == source for one in mined["source"].to_pylist()]
            run.pool.write_negatives(source, mined.filter(pa.array(of_source)))
        run.manifest.finish("mine", {"proposed": {}}, [], 3.5)
        table = to_table(synthetic or [])
        if synthetic is not None:
            run.pool.write_negatives("llm", table)
        run.manifest.finish("synthesize", {**asked, "proposed": table.num_rows}, [], 4.5)
        gates = judge_synthetic(table, run.dataset, run.config.filters)
        near = {(f"q-{name}", f"d-{name}"): 0.8 for name in ANIMALS}
        margins = false_negative_verdicts(mined, positive_similarity=near)
        run.pool.write_verdicts("gates", gates)
        run.pool.write_verdicts("percentage-of-positive", margins)
        dropped = margins["decision"].to_pylist().count("drop")
        judged = {"mined_judged": margins.num_rows, "mined_dropped": dropped}
        yields = [asdict(one) for one in gate_yield(table, gates)]
        run.manifest.finish("filter", {"gates": yields, **judged}, [], 5.5)
        pairs = [(f"q-{name}", f"d-{name}") for name in ANIMALS[:6]]
        mixture = mix(pairs, run.pool.negatives(), run.pool.verdicts(), run.config.mixing)
        write_table(run.folder / "mixture.parquet", mixture.instances)
        run.manifest.finish("mix", mixture.summary(), [run.folder / "mixture.parquet"], 6.5)

    def _evaluation(self, run: Run, scores: Score) -> None:
        place = run.folder / "evaluation"
        for split in ("dev", "test"):
            ids = run.dataset.query_ids(split)
            for number, model in enumerate(("starting", "tuned")):
                values = [scores(query_id)[number] for query_id in ids]
                # Every metric its own value, so that a mistaken column would be seen.
                rows = {name: np.array(values) / (1 + k) for k, name in enumerate(METRICS)}
                write_table(place / f"{model}-{split}.parquet", pa.table({"query_id": ids, **rows}))
                ranked = [f"d-{name}" for name in ANIMALS[:: -1 if number else 1]]
                found = [(q, d, 1 - k / 10, k + 1) for q in ids for k, d in enumerate(ranked)]
                columns = list(zip(*found, strict=True)) or [()] * 4
                table = pa.table(columns, schema=RUN_SCHEMA)
                write_trec_run(table, place / f"{model}-{split}.trec", model)
        metrics = _metrics(run)
        model = run.folder / "model" / "model.safetensors"
        model.parent.mkdir()
        model.write_bytes(b"weights")
        write_json(run.folder / "metrics.json", metrics)
        run.manifest.finish("evaluate", {}, [run.folder / "metrics.json", model], 7.5)


def _mined() -> list[Negative]:
    found = []
    for place, name in enumerate(ANIMALS[:6]):
        for number, source in enumerate(("bm25", "dense", "random", "bm25")):
            other = ANIMALS[(place + number + 1) % len(ANIMALS)]
            found.append(
                Negative(
                    negative_id=negative_identity(f"q-{name}", f"d-{name}", source, other),
                    query_id=f"q-{name}", positive_id=f"d-{name}", source=source,
                    doc_id=f"d-{other}", score=1.0, rank=number + 1,
                    query_similarity=0.79 if number == 3 else 0.1 + number / 10,
                    positive_similarity=0.4,
                )
            )  # fmt: skip
    return found


def _metrics(run: Run) -> dict[str, Any]:
    def table(model: str, split: str) -> pa.Table:
        return read_table(run.folder / "evaluation" / f"{model}-{split}.parquet")

    def compared(split: str, chosen: dict[str, bool] | None = None) -> dict[str, Any]:
        ids, before, after = aligned(table("starting", split), table("tuned", split))
        mask = np.array([chosen is None or chosen[one] for one in ids], bool)
        return asdict(compare_paired(before[mask], after[mask]))

    seen = positives_seen(run.dataset, "test")
    development = compared("dev")
    better = development["after"] > development["before"]
    return {
        "exported": "tuned" if better else "starting",
        "development": development,
        "test": compared("test"),
        "test_slices": {
            "seen": compared("test", seen),
            "unseen": compared("test", {key: not value for key, value in seen.items()}),
        },
        "models": {
            model: {split: averages(table(model, split)) for split in ("dev", "test")}
            for model in ("starting", "tuned")
        },
    }
