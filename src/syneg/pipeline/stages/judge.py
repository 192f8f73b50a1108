"""The stages that judge what was proposed and choose what is trained on."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.files import read_table, write_table
from syneg.filters.judge_exchange import CROSS_ENCODER, JUDGE
from syneg.filters.run import gate_yield, judge_synthetic
from syneg.mixing.mixer import mix as mix_negatives
from syneg.negatives.record import SYNTHETIC
from syneg.pipeline.chosen import chosen_mixing
from syneg.pipeline.run import Run
from syneg.pipeline.selected import positive_similarities_of, select_mined
from syneg.pipeline.stages.judging import judge_false_negatives, second_opinion

logger = logging.getLogger(__name__)


def judge(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Record a verdict of every gate on every synthetic negative, and of the rules on mined."""
    negatives = run.pool.negatives()
    synthetic = pc.equal(negatives["source"], SYNTHETIC)
    written = negatives.filter(synthetic)
    retrieved = negatives.filter(pc.invert(synthetic))
    known = run.pool.verdicts("gates") if "gates" in run.pool.parts("verdicts") else None
    gates = gate_verdicts(run, written, retrieved, known)
    selected = select_mined(run, retrieved)
    run.pool.write_verdicts("gates", gates)
    run.pool.write_verdicts("selection", selected.verdicts)
    folder = run.folder / "pool" / "verdicts"
    # An earlier version's name for the same verdicts.
    (folder / "percentage-of-positive.parquet").unlink(missing_ok=True)
    counts = run.folder / "pool" / "selection.parquet"
    write_table(counts, selected.counts)
    outputs = [folder / "gates.parquet", folder / "selection.parquet", counts]
    summary = {
        "gates": [asdict(one) for one in gate_yield(written, gates)],
        "mined_judged": retrieved.num_rows,
        "mined_dropped": selected.verdicts.num_rows,
        "mined_removed": selected.removed,
        "queries_with_too_few": selected.too_few(
            run.config.mixing.sources, run.config.mixing.total
        ),
    }
    for name, asked, look in (
        (JUDGE, run.config.judge.enabled, judge_false_negatives),
        (CROSS_ENCODER, run.config.second_opinion.model is not None, second_opinion),
    ):
        part = folder / f"{name}.parquet"
        if not asked:
            part.unlink(missing_ok=True)
            continue
        others = run.pool.verdicts(*(one for one in run.pool.parts("verdicts") if one != name))
        found, summary[name] = look(run, negatives, others)
        run.pool.write_verdicts(name, found)
        outputs.append(part)
        for sentence in summary[name]["sentences"]:
            logger.info("%s", sentence)
    return summary, outputs


def gate_verdicts(
    run: Run, written: pa.Table, mined: pa.Table, known: pa.Table | None = None
) -> pa.Table:
    """Return the verdicts of every gate on synthetic negatives.

    Args:
        run: Its options and data set.
        written: The synthetic negatives.
        mined: Mined negatives of the same queries: what is near, and may have been copied.
        known: Verdicts from an earlier time; a gate whose settings are the same adds none.
    """
    options = run.config.filters
    # A text is not too short when the prompt asked for no more.
    longest = min(options.longest_positive, run.config.synthesis.longest_words)
    options = options.model_copy(update={"longest_positive": longest})
    return judge_synthetic(
        written,
        run.dataset,
        options,
        split=run.config.dataset.train,
        mined=mined,
        positive_similarity=positive_similarities_of(run, written),
        known=known,
    )


def margin_verdicts(run: Run, retrieved: pa.Table) -> pa.Table:
    """Return the verdicts of the rules of selection on mined negatives: what they remove."""
    return select_mined(run, retrieved).verdicts


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
