"""The stage that finds out on a few queries whether synthetic negatives help on this data."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.files import write_json, write_table
from syneg.mixing.mixer import Mixture
from syneg.mixing.mixer import mix as mix_negatives
from syneg.pipeline.chosen import pilot_folder
from syneg.pipeline.pilot_decision import HELD_BACK
from syneg.pipeline.pilot_options import PilotCandidate
from syneg.pipeline.run import Run
from syneg.pipeline.stages.judge import gate_verdicts, margin_verdicts, training_pairs
from syneg.pipeline.stages.pilot_models import Trial, compare
from syneg.pipeline.stages.propose import SYNTHETIC_PART
from syneg.pipeline.stages.writing import (
    has_language_model,
    queries_to_write_for,
    synthetic_negatives,
)
from syneg.seeding import generator_for

logger = logging.getLogger(__name__)


def pilot(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Try the candidates on a few queries and choose one of them on the development split."""
    why = _why_none(run)
    offered = [] if why else queries_to_write_for(run)
    paid_for = run.config.llm.recorded is not None
    if why is None and not paid_for and len(offered) < 2 * run.config.pilot.queries:
        why = (
            f"only {len(offered)} training queries get negatives, fewer than twice the pilot's "
            f"{run.config.pilot.queries} (pilot.queries)"
        )
    if why is not None:
        if has_language_model(run):
            logger.info("no pilot: %s", why)
        return {"skipped": why}, []
    started = time.monotonic()
    folder = pilot_folder(run)
    query_ids = _chosen_queries(run, offered)
    table, synthesis = synthetic_negatives(run, query_ids)
    if synthesis.get("stopped_by_budget"):
        why = "the language model's time (llm.seconds) ended before its negatives were written"
        logger.warning("no pilot: %s", why)
        return {"skipped": why}, []
    kept = folder / "negatives.parquet"
    write_table(kept, table)
    negatives, verdicts = _judged(run, query_ids, table)
    trials = _trials(run, query_ids, negatives, verdicts)
    mixture = next(one for trial in trials for one in trial.mixtures)
    summary: dict[str, Any] = {
        "queries": len(query_ids),
        "synthesis": synthesis,
        "proposed": mixture.synthetic_proposed,
        "accepted": mixture.synthetic_accepted,
    }
    outputs = [kept]
    if any(one.synthetic_used for trial in trials for one in trial.mixtures):
        compared, written = compare(run, trials, negatives)
        summary |= compared
        outputs += written
    else:
        summary |= _without_any(run, trials, mixture)
    summary["seconds"] = round(time.monotonic() - started, 2)
    logger.info("%s", summary["sentence"])
    write_json(folder / "pilot.json", summary)
    return summary, [folder / "pilot.json", *outputs]


def _why_none(run: Run) -> str | None:
    """Return why there is no pilot in this run; None where there is one."""
    options, config = run.config.pilot, run.config
    if not has_language_model(run):
        return "there is no language model and no file of recorded negatives"
    if not options.queries:
        return "it is switched off (pilot.queries is 0)"
    if not config.mixing.synthetic:
        return "the configuration mixes no synthetic negatives in (mixing.synthetic is 0)"
    judged = len(set(run.dataset.positives(config.dataset.development)["query_id"].to_pylist()))
    if judged < options.least_queries:
        return (
            f"{judged} development queries are too few to tell anything "
            f"(pilot.least_queries is {options.least_queries})"
        )
    return None


def _chosen_queries(run: Run, offered: list[str]) -> list[str]:
    order = generator_for(run.config.seed, "pilot").permutation(len(offered))
    return sorted(offered[place] for place in order[: run.config.pilot.queries])


def _judged(run: Run, query_ids: list[str], written: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return all negatives of the pilot's queries, mined and written, and the verdicts on them."""
    parts = [part for part in run.pool.parts() if part != SYNTHETIC_PART]
    mined = run.pool.negatives(*parts)
    wanted = pa.array(query_ids, mined.schema.field("query_id").type)
    mined = mined.filter(pc.is_in(mined["query_id"], value_set=wanted))
    return (
        pa.concat_tables([mined, written.cast(mined.schema)]),
        pa.concat_tables([gate_verdicts(run, written, mined), margin_verdicts(run, mined)]),
    )


def _trials(run: Run, query_ids: list[str], negatives: pa.Table, verdicts: pa.Table) -> list[Trial]:
    """Mix every candidate for each seed, over the same queries and pairs."""
    chosen = set(query_ids)
    pairs = [pair for pair in training_pairs(run) if pair[0] in chosen]
    options, config = run.config.pilot, run.config
    seeds = range(config.seed, config.seed + options.seeds)
    trials = []
    losses = [one.training(config.training).loss for one in options.candidates]
    candidates = options.candidates
    if config.training.loss not in losses:
        # What the user asks for is tried too, not only replaced.
        candidates = (*candidates, PilotCandidate(name="as configured"))
    for one in candidates:
        mixing = one.mixing(config.mixing)
        mixtures = [mix_negatives(pairs, negatives, verdicts, mixing, seed=seed) for seed in seeds]
        # Chosen anew in so few steps, negatives would say nothing of a whole training.
        training = (
            one.training(config.training)
            .without_refresh()
            .model_copy(
                update={
                    "epochs": options.epochs,
                    "batch_size": options.batch_size,
                    "learning_rate": options.learning_rate,
                }
            )
        )
        trials.append(Trial(one.name, mixing, training, list(seeds), mixtures))
    return trials


def _without_any(run: Run, trials: list[Trial], mixture: Mixture) -> dict[str, Any]:
    """Return the choice where too few of the pilot's negatives can be used to train with."""
    mixing = run.config.mixing
    if mixture.synthetic_proposed:
        found = (
            f"Of the pilot's {mixture.synthetic_proposed} synthetic negatives only "
            f"{mixture.synthetic_accepted} passed the gates "
            f"({100 * mixture.synthetic_yield:.0f}%, where mixing.minimum_yield asks for "
            f"{100 * mixing.minimum_yield:.0f}%)."
        )
    else:
        found = "The language model gave no answer to any of the pilot's requests."
    return {
        "candidates": [],
        "choice": next(one.name for one in trials if not one.mixing.synthetic),
        "held_back": True,
        "mixing": {"synthetic": 0, "retrieved": mixing.total},
        "sentence": f"{found} {HELD_BACK}",
    }
