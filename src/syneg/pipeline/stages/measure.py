"""Measuring the starting model, and at the end the tuned one, on the same data."""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from syneg.datasets.splits import queries_with_positive_in
from syneg.encoders.encoder import SentenceEncoder
from syneg.encoders.locate import locate_model
from syneg.encoders.store import VectorStore
from syneg.evaluation.evaluate import evaluate_split
from syneg.evaluation.metrics import PRIMARY, aligned, averages
from syneg.evaluation.retrieve import write_trec_run
from syneg.evaluation.significance import compare_paired
from syneg.files import read_table, remove_tree, write_json, write_table
from syneg.pipeline.run import Run
from syneg.pipeline.stages.fine_tune import tuned_vectors
from syneg.pipeline.stages.judge import read_mixture

logger = logging.getLogger(__name__)
STARTING = "starting"
TUNED = "tuned"


def check_data(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Read and check the data set, and write down what it holds."""
    dataset = run.dataset
    options = run.config.dataset
    shared = set(dataset.query_ids(options.train)) & set(dataset.query_ids(options.test))
    notes = list(dataset.notes)
    if shared:
        notes.append(f"{len(shared)} queries are in train and in test; both are used as they are")
        logger.warning("%s: %s", dataset.name, notes[-1])
    splits = {
        name: {
            "queries": len(dataset.query_ids(name)),
            "positives": dataset.positives(name).num_rows,
        }
        for name in (options.train, options.development, options.test)
    }
    held_out = run.folder / "qrels"
    written = []
    for name in (options.train, options.development, options.test):
        path = held_out / f"{name}.parquet"
        write_table(path, dataset.judgements(name))
        written.append(path)
    return {
        "name": dataset.name,
        "documents": dataset.corpus.num_rows,
        "splits": splits,
        "notes": notes,
    }, written


def measure_start(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Evaluate the starting model on the development and the test split."""
    return _measure(run, run.encoder, run.vectors, STARTING)


def measure_tuned(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Evaluate the tuned model, decide which model is exported, and export it.

    The tuned model is exported only if it is better on the development split; otherwise the
    starting model is, and the headline says so.
    """
    tuned_folder = run.folder / "training" / "best"
    # Training is entered as done, so its checkpoints, six times a model's size, can go.
    for checkpoint in (run.folder / "training").glob("checkpoint-*"):
        remove_tree(checkpoint)
    encoder = run.load_encoder(str(tuned_folder))
    summary, written = _measure(run, encoder, tuned_vectors(run, encoder), TUNED)
    development = _comparison(run, run.config.dataset.development)
    exported = TUNED if development["after"] > development["before"] else STARTING
    source = tuned_folder if exported == TUNED else _starting_folder(run)
    target = run.folder / "model"
    partial = run.folder / ".model.partial"
    remove_tree(partial)
    shutil.copytree(source, partial)
    remove_tree(target)
    partial.rename(target)
    metrics = {
        "exported": exported,
        "development": development,
        "test": _comparison(run, run.config.dataset.test),
        "test_slices": _slices(run),
        "models": {
            model: {
                split: averages(_per_query(run, model, split))
                for split in (run.config.dataset.development, run.config.dataset.test)
            }
            for model in (STARTING, TUNED)
        },
    }
    path = run.folder / "metrics.json"
    write_json(path, metrics)
    files = [one for one in target.rglob("*") if one.is_file()]
    return {**metrics, "figures": summary}, [*written, path, *files]


def _measure(
    run: Run, encoder: SentenceEncoder, vectors: VectorStore, model: str
) -> tuple[dict[str, Any], list[Path]]:
    written: list[Path] = []
    summary: dict[str, Any] = {}
    for split in (run.config.dataset.development, run.config.dataset.test):
        result = evaluate_split(run.dataset, split, encoder, vectors)
        folder = run.folder / "evaluation"
        table, trec = folder / f"{model}-{split}.parquet", folder / f"{model}-{split}.trec"
        write_table(table, result.per_query)
        write_trec_run(result.run, trec, f"syneg-{model}")
        written += [table, trec]
        summary[split] = result.summary()
        if result.queries_too_long:
            logger.warning(
                "%s: %d queries are longer than the model reads", split, result.queries_too_long
            )
    if vectors.too_long:
        logger.warning(
            "%d of %d documents are longer than the %d tokens that the model reads; the rest "
            "of each is not seen",
            vectors.too_long,
            vectors.rows,
            encoder.model.max_seq_length,
        )
    return summary, written


def _per_query(run: Run, model: str, split: str) -> pa.Table:
    return read_table(run.folder / "evaluation" / f"{model}-{split}.parquet")


def _comparison(run: Run, split: str) -> dict[str, Any]:
    _, before, after = aligned(
        _per_query(run, STARTING, split), _per_query(run, TUNED, split), PRIMARY
    )
    return asdict(compare_paired(before, after, seed=run.config.seed))


def _slices(run: Run) -> dict[str, Any]:
    """Compare on the test queries whose positives were trained on, and on the others."""
    options = run.config.dataset
    trained = read_mixture(run)["positive_id"]
    seen = queries_with_positive_in(run.dataset, options.test, trained)
    ids, before, after = aligned(
        _per_query(run, STARTING, options.test), _per_query(run, TUNED, options.test), PRIMARY
    )
    mask = np.array([query_id in seen for query_id in ids], dtype=bool)
    return {
        name: asdict(compare_paired(before[chosen], after[chosen], seed=run.config.seed))
        for name, chosen in (("seen", mask), ("unseen", ~mask))
    }


def _starting_folder(run: Run) -> Path:
    return locate_model(run.config.model.location, offline=run.config.offline)
