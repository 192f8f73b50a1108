"""The stages that judge what was proposed and choose what is trained on."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.files import read_table, write_table
from syneg.filters.run import false_negative_verdicts, gate_yield, judge_synthetic
from syneg.mining.similarity import positive_similarities
from syneg.mixing.mixer import mix as mix_negatives
from syneg.negatives.record import SYNTHETIC
from syneg.pipeline.chosen import chosen_mixing
from syneg.pipeline.run import Run

logger = logging.getLogger(__name__)


def judge(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Record a verdict of every gate on every synthetic negative, and of the margin on mined."""
    negatives = run.pool.negatives()
    synthetic = pc.equal(negatives["source"], SYNTHETIC)
    written = negatives.filter(synthetic)
    retrieved = negatives.filter(pc.invert(synthetic))
    gates = gate_verdicts(run, written)
    margins = margin_verdicts(run, retrieved)
    run.pool.write_verdicts("gates", gates)
    run.pool.write_verdicts("percentage-of-positive", margins)
    folder = run.folder / "pool" / "verdicts"
    dropped = pc.equal(margins["decision"], "drop")
    return {
        "gates": [asdict(one) for one in gate_yield(written, gates)],
        "mined_judged": margins.num_rows,
        "mined_dropped": pc.sum(dropped).as_py() or 0,
    }, [folder / "gates.parquet", folder / "percentage-of-positive.parquet"]


def gate_verdicts(run: Run, written: pa.Table) -> pa.Table:
    """Return the verdicts of every gate on synthetic negatives."""
    options = run.config.filters
    # A text is not too short when the prompt asked for no more.
    longest = min(options.longest_positive, run.config.synthesis.longest_words)
    options = options.model_copy(update={"longest_positive": longest})
    return judge_synthetic(written, run.dataset, options, split=run.config.dataset.train)


def margin_verdicts(run: Run, retrieved: pa.Table) -> pa.Table:
    """Return the verdicts of percentage-of-positive on mined negatives."""
    return false_negative_verdicts(
        retrieved,
        positive_similarity=positive_similarities(retrieved, run.dataset, run.encoder, run.vectors),
        percentage=run.config.mining.percentage_of_positive,
    )


def mix(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Choose the negatives of every training instance, as many of each kind as the pilot says."""
    options = chosen_mixing(run)
    result = mix_negatives(
        training_pairs(run),
        run.pool.negatives(),
        run.pool.verdicts(),
        options,
        seed=run.config.seed,
    )
    path = run.folder / "mixture.parquet"
    write_table(path, result.instances)
    if result.synthetic_proposed and not result.synthetic_used and options.synthetic:
        logger.warning(
            "only %d of %d synthetic negatives passed the gates (%.0f%%, below %.0f%%): what "
            "follows is mined-only",
            result.synthetic_accepted,
            result.synthetic_proposed,
            100 * result.synthetic_yield,
            100 * options.minimum_yield,
        )
    return result.summary(), [path]


def training_pairs(run: Run) -> list[tuple[str, str]]:
    """Return the (query, positive) pairs that are trained on, in the order of the judgements."""
    pairs = run.dataset.positives(run.config.dataset.train)
    return list(zip(pairs["query_id"].to_pylist(), pairs["doc_id"].to_pylist(), strict=True))


def read_mixture(run: Run) -> pa.Table:
    """Return the training instances that `mix` wrote."""
    return read_table(run.folder / "mixture.parquet")
