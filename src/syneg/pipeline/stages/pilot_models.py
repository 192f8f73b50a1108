"""The pilot's small models, one for each candidate and seed, kept as soon as each is measured."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from syneg.encoders.encoder import Precision
from syneg.evaluation.metrics import PRIMARY, averages
from syneg.files import read_json, read_table, remove_tree, value_hash, write_json, write_table
from syneg.mixing.mixer import Mixture
from syneg.mixing.options import MixingOptions
from syneg.pipeline.chosen import pilot_folder
from syneg.pipeline.pilot_decision import Scored, decide
from syneg.pipeline.run import Run
from syneg.pipeline.stages.fine_tune import DevelopmentScore, starting_model
from syneg.training.examples import training_examples
from syneg.training.options import TrainingOptions
from syneg.training.preparation import training_precision
from syneg.training.trainer import train as train_model

logger = logging.getLogger(__name__)
# Of each development query; other documents are drawn at random.
_NEAREST = 10


@dataclass(frozen=True)
class Trial:
    """One candidate, ready to be trained.

    Attributes:
        name: The candidate's name.
        mixing: Negatives of each kind.
        training: Training options with its loss and the pilot's epochs.
        seeds: One model is trained with each.
        mixtures: The training instances of each seed.
    """

    name: str
    mixing: MixingOptions
    training: TrainingOptions
    seeds: list[int]
    mixtures: list[Mixture]


@dataclass(frozen=True)
class _Model:
    """A trained model's figures.

    Attributes:
        files: Where they are kept.
        values: nDCG@10 by development query.
        steps: Optimizer steps.
        seconds: Of training and measuring, of the process that finished it.
    """

    files: list[Path]
    values: list[float]
    steps: int
    seconds: float


def compare(
    run: Run, trials: list[Trial], negatives: pa.Table
) -> tuple[dict[str, Any], list[Path]]:
    """Train and measure every trial's models, and choose a trial.

    Models that were measured before are not trained again.

    Args:
        run: The run.
        trials: What to compare; all have the same seeds.
        negatives: What their mixtures were drawn from.

    Returns:
        The pilot's summary as far as it is about models, and the files that hold their
        results.
    """
    options = run.config.pilot
    precision = Precision(training_precision(run.config.training, run.encoder.model.device.type))
    development = DevelopmentScore(
        run,
        precision,
        documents=options.documents,
        nearest=_NEAREST,
        queries=run.config.dataset.development_most,
    )
    common = _common_pairs(trials)
    models: dict[str, list[_Model]] = {}
    for place, trial in enumerate(trials):
        models[trial.name] = []
        for number, seed in enumerate(trial.seeds):
            done = place * len(trial.seeds) + number + 1
            logger.info(
                "pilot: %s, seed %d (%d of %d)",
                trial.name,
                seed,
                done,
                len(trials) * len(trial.seeds),
            )
            instances = _only(trial.mixtures[number].instances, common)
            model = _model(run, trial, seed, instances, negatives, development)
            models[trial.name].append(model)
    scored = [
        Scored(one.name, one.mixing.synthetic, np.array([row.values for row in models[one.name]]))
        for one in trials
    ]
    decision = decide(scored, certainty=run.config.pilot.certainty, seed=run.config.seed)
    chosen = next(one for one in trials if one.name == decision.choice)
    starting = development.starting_per_query(run)
    summary = {
        "pairs": len(common),
        "development_queries": starting.num_rows,
        "development_documents": len(development.rows),
        "seeds": trials[0].seeds,
        "steps": models[chosen.name][0].steps,
        "starting": averages(starting)[PRIMARY],
        "candidates": [
            _shown(trial, one, models[one.name], decision.differences.get(one.name))
            for trial, one in zip(trials, scored, strict=True)
        ],
        "choice": decision.choice,
        "held_back": decision.held_back,
        "mixing": {"synthetic": chosen.mixing.synthetic, "retrieved": chosen.mixing.retrieved},
        "loss": chosen.training.loss.model_dump(mode="json"),
        "likelihood": decision.likelihood,
        "sentence": decision.sentence,
    }
    return summary, [path for row in models.values() for one in row for path in one.files]


def _model(
    run: Run,
    trial: Trial,
    seed: int,
    instances: pa.Table,
    negatives: pa.Table,
    development: DevelopmentScore,
) -> _Model:
    """Train and measure one model, or read what was measured before."""
    folder = pilot_folder(run) / _key(run, trial, seed, instances)
    per_query, mark = folder / "per_query.parquet", folder / "model.json"
    if not mark.is_file():
        started = time.monotonic()
        examples = training_examples(
            instances, negatives, run.dataset, split=run.config.dataset.train
        )
        model = starting_model(run)
        result = train_model(
            model,
            examples,
            trial.training,
            folder / "training",
            progress=run.progress,
            seed=seed,
            starting=run.encoder,
        )
        write_table(per_query, development.per_query(model))
        facts = {
            "candidate": trial.name,
            "seed": seed,
            "steps": result.steps,
            "losses": result.losses,
            "seconds": round(time.monotonic() - started, 2),
        }
        write_json(mark, facts)
    remove_tree(folder / "training")
    known = read_json(mark)
    values = read_table(per_query)[PRIMARY].to_pylist()
    return _Model([per_query, mark], values, known["steps"], known["seconds"])


def _key(run: Run, trial: Trial, seed: int, instances: pa.Table) -> str:
    """Return the hash of what decides a model's figures; it names the model's folder."""
    training = trial.training.model_dump(mode="json", exclude={"checkpoint_seconds"})
    reads = [run.config.model.max_length, run.config.pilot.documents, run.config.seed]
    return value_hash([instances.to_pylist(), training, seed, reads, run.manifest.facts])


def _common_pairs(trials: list[Trial]) -> set[tuple[str, str]]:
    """Return the pairs that every mixture has, so that all models take the same steps."""
    found = [set(_pairs(mixture.instances)) for trial in trials for mixture in trial.mixtures]
    return set.intersection(*found)


def _only(instances: pa.Table, pairs: set[tuple[str, str]]) -> pa.Table:
    return instances.filter(pa.array([pair in pairs for pair in _pairs(instances)], pa.bool_()))


def _pairs(instances: pa.Table) -> list[tuple[str, str]]:
    columns = (instances[name].to_pylist() for name in ("query_id", "positive_id"))
    return list(zip(*columns, strict=True))


def _shown(trial: Trial, scored: Scored, models: list[_Model], difference: Any) -> dict[str, Any]:
    return {
        "name": trial.name,
        "synthetic": trial.mixing.synthetic,
        "retrieved": trial.mixing.retrieved,
        "loss": trial.training.loss.model_dump(mode="json"),
        "mean": scored.mean,
        "means": [float(row.mean()) for row in scored.values],
        "difference": None if difference is None else asdict(difference),
        "seconds": round(sum(one.seconds for one in models), 2),
    }
