"""One cell of a study: train one arm on one data set with one seed, and measure it."""

from __future__ import annotations

import time
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg import __version__
from syneg.datasets.dataset import RetrievalDataset, join_title
from syneg.datasets.splits import queries_with_positive_in
from syneg.encoders.encoder import SentenceEncoder, Vectors, load_encoder
from syneg.encoders.store import encode_in_pieces
from syneg.evaluation.metrics import per_query_metrics
from syneg.evaluation.retrieve import retrieve
from syneg.files import remove_tree, value_hash
from syneg.mining.references import Reference
from syneg.mining.rules import parse_rules
from syneg.mixing.mixer import mix
from syneg.negatives.pool import stands
from syneg.negatives.record import SYNTHETIC
from syneg.progress import Progress
from syneg.seeding import generator_for
from syneg.studies.ground import Ground
from syneg.studies.instruments.probe import shortcut_probe
from syneg.studies.instruments.source_style import recognition_weights, select_synthetic
from syneg.studies.observation import Sample, Seen, compare, draw_sample, look
from syneg.studies.plan import BASELINE, Arm
from syneg.studies.results import PER_QUERY_SCHEMA, RESULT, CellResult
from syneg.training.examples import TrainingExamples, training_examples
from syneg.training.options import TrainingOptions
from syneg.training.retrieval import Retrieval, refused_pairs
from syneg.training.trainer import train

_SPLITS = {"development": "dev", "test": "test"}


def cell_key(ground: Ground, arm: Arm | None, options: TrainingOptions, seed: int) -> str:
    """Return the hash of everything that decides a cell's result, its arm's name excepted."""
    described = arm and arm.model_dump(mode="json", exclude={"name", "grid", "training"})
    trained = options.model_dump(mode="json", exclude={"checkpoint_seconds"})
    # The starting model is not trained: neither options nor seed change what it reaches.
    training = None if arm is None else [trained, seed]
    return value_hash([__version__, ground.fingerprint, described, training])[:16]


def run_cell(
    ground: Ground,
    arm: Arm | None,
    options: TrainingOptions,
    seed: int,
    folder: Path,
    progress: Progress,
) -> CellResult:
    """Train and measure one cell, or read it where it was done before.

    Args:
        ground: The data set.
        arm: What to train with; None measures the starting model.
        options: The arm's training options, with the choice from the grid.
        seed: Of all draws.
        folder: Parent of the cells' folders, which are named by their keys.
        progress: Shows the steps.
    """
    key = cell_key(ground, arm, options, seed)
    place = folder / key
    name = BASELINE if arm is None else arm.name
    if (place / RESULT).is_file():
        result = CellResult.read(place)
        # Names and the starting model's seed decide nothing, so they may have changed since.
        return CellResult(**{**vars(result), "arm": name, "dataset": ground.name, "seed": seed})
    started = time.monotonic()
    facts: dict[str, Any] = {}
    encoder = ground.encoder
    if arm is not None:
        examples, retrieval, facts = _examples(ground, arm, seed)
        # Loaded anew: the shared encoder must stay the starting model.
        encoder = load_encoder(ground.model, precision=ground.encoder.precision)
        trained = train(
            encoder.model,
            examples,
            options,
            place / "training",
            progress=progress,
            seed=seed,
            starting=ground.encoder,
            retrieval=retrieval,
        )
        facts |= {"steps": trained.steps, "losses": trained.losses, "observed": trained.observed}
        facts["training_seconds"] = round(trained.seconds, 1)
    texts = ground.dataset.document_texts(range(ground.dataset.corpus.num_rows))
    if arm is None or options.trains_queries_only:
        # What is not trained has its vectors already.
        vectors = ground.vectors.take(range(len(texts)))
    else:
        with progress.task("encode documents", total=len(texts)) as task:
            vectors = encode_in_pieces(encoder, texts, task)
    result = CellResult(
        dataset=ground.name,
        arm=name,
        seed=seed,
        key=key,
        options={
            "arm": None if arm is None else arm.model_dump(mode="json"),
            "training": None if arm is None else options.model_dump(mode="json"),
        },
        per_query=measure(ground, encoder, vectors),
        facts={**facts, "seconds": round(time.monotonic() - started, 1)},
        instruments={}
        if arm is None
        else {
            "negatives": _composition(facts["mixture"]),
            **_instruments(ground, encoder, vectors, options),
        },
    )
    result.write(place)
    remove_tree(place / "training")
    return result


def _composition(mixture: dict[str, Any]) -> dict[str, int]:
    """Return how many negatives of each source an arm trained on, and what stood in."""
    return {**mixture["by_source"], "fallback": mixture["fallback"], "filled": mixture["filled"]}


def _instruments(
    ground: Ground, encoder: SentenceEncoder, vectors: Vectors, options: TrainingOptions
) -> dict[str, Any]:
    if len(ground.pairs) < 2:
        return {}
    sample, before = _starting_look(ground, options.temperature)
    return compare(before, look(sample, encoder, vectors, options.temperature))


@lru_cache(maxsize=1)
def _starting_look(ground: Ground, temperature: float) -> tuple[Sample, Seen]:
    """Return the sample and what the starting model makes of it: alike for all cells."""
    sample = draw_sample(ground)
    corpus = ground.vectors.take(range(ground.vectors.rows))
    return sample, look(sample, ground.encoder, corpus, temperature)


def measure(ground: Ground, encoder: SentenceEncoder, vectors: Vectors) -> pa.Table:
    """Return the per-query metrics of both splits, columns of `PER_QUERY_SCHEMA`."""
    trained = pa.array(sorted({positive for _, positive in ground.pairs}))
    tables = []
    for name, split in _SPLITS.items():
        dataset: RetrievalDataset = ground.dataset
        query_ids = dataset.query_ids(split)
        queries = encoder.encode_queries(dataset.query_texts(query_ids))
        found = retrieve(dataset, query_ids, queries, [(0, vectors)])
        metrics = per_query_metrics(dataset, split, found)
        seen = queries_with_positive_in(dataset, split, trained)
        rows = [
            {"split": name, "query_id": one, "seen": one in seen, **values}
            for one, values in _wide(metrics).items()
        ]
        tables.append(pa.Table.from_pylist(rows, schema=PER_QUERY_SCHEMA))
    return pa.concat_tables(tables)


def _wide(metrics: pa.Table) -> dict[str, dict[str, float]]:
    names = [name for name in PER_QUERY_SCHEMA.names if "@" in name]
    return {row["query_id"]: {name: row[name] for name in names} for row in metrics.to_pylist()}


def _examples(
    ground: Ground, arm: Arm, seed: int
) -> tuple[TrainingExamples, Retrieval, dict[str, Any]]:
    """Return an arm's texts, what it may retrieve from while it is trained, and its mixture."""
    negatives, verdicts = ground.negatives(arm.recorded)
    weights: dict[str, float] = {}
    if arm.weigh:
        weights = _weights(_recognised(ground, negatives))
    if arm.select:
        # The range is that of the mined negatives that can be trained on.
        stand = negatives.filter(stands(negatives, verdicts))
        verdicts = pa.concat_tables([verdicts, select_synthetic(stand, ground.dataset)])
    mixture = mix(ground.pairs, negatives, verdicts, arm.mixing, seed=seed)
    make = partial(
        training_examples,
        dataset=ground.dataset,
        weights=weights,
        rewrites=ground.rewrites if arm.rewrite_share else None,
        rewrite_share=arm.rewrite_share,
        seed=seed,
    )
    retrieval = Retrieval(
        instances=mixture.instances,
        negatives=negatives,
        dataset=ground.dataset,
        split="train",
        vectors=ground.vectors,
        examples=make,
        rules=parse_rules(["perc-pos:0.95"]),
        reference=Reference.FIRST,
        window=arm.mixing.window,
        refused=refused_pairs(negatives, verdicts),
    )
    return make(mixture.instances, negatives), retrieval, {"mixture": mixture.summary()}


def _recognised(ground: Ground, negatives: pa.Table) -> dict[str, float]:
    """Return the probability that a synthetic negative is recognised as generated, by id."""
    written = negatives.filter(pc.equal(negatives["source"], SYNTHETIC))
    # Queries that share a positive share its topic, which would leak from fold to fold.
    ids, groups, titles, texts = (
        written[name].to_pylist() for name in ("negative_id", "positive_id", "title", "text")
    )
    dataset = ground.dataset
    order = generator_for(0, "probe").permutation(dataset.corpus.num_rows)[: len(ids)]
    probe = shortcut_probe(
        [join_title(title, text) for title, text in zip(titles, texts, strict=True)],
        dataset.document_texts(order.tolist()),
        groups,
    )
    return dict(zip(ids, probe.generated_probability.tolist(), strict=True))


def _weights(recognised: dict[str, float]) -> dict[str, float]:
    values = recognition_weights(list(recognised.values()))
    return dict(zip(recognised, values.tolist(), strict=True))
