"""The stages in which negatives are proposed: mined, and written by a language model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from syneg.files import read_table
from syneg.mining.similarity import add_similarities
from syneg.mining.source import NegativeSource
from syneg.mining.sources import BM25Source, DenseSource, RandomSource
from syneg.pipeline.chosen import held_back, pilot_folder, pilot_summary
from syneg.pipeline.run import Run
from syneg.pipeline.stages.writing import has_language_model, synthetic_negatives

logger = logging.getLogger(__name__)
SYNTHETIC_PART = "llm"


def mine(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Propose BM25, dense and random negatives for the training queries."""
    options, split = run.config.mining, run.config.dataset.train
    fill = max(10, run.config.mixing.total)
    sources: list[NegativeSource] = [
        BM25Source(options.depth),
        DenseSource(run.encoder, run.vectors, options.depth),
        RandomSource(fill, seed=run.config.seed),
    ]
    summary: dict[str, Any] = {}
    written = []
    with run.progress.task("mine", total=len(sources)) as task:
        for source in sources:
            task.describe(source.name)
            proposals = source.propose(run.dataset, split)
            proposals = add_similarities(proposals, run.dataset, run.encoder, run.vectors)
            run.pool.write_negatives(source.name, proposals)
            written.append(run.folder / "pool" / "negatives" / f"{source.name}.parquet")
            summary[source.name] = proposals.num_rows
            task.advance()
    return {"proposed": summary}, written


def synthesize(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Propose synthetic negatives: recorded ones, or written by a language model now.

    Where the pilot holds them back nothing is asked, and only its own few are in the pool, for
    whoever wants to look at them.
    """
    if not has_language_model(run):
        return {"server": "none", "proposed": 0}, []
    why = held_back(run)
    if why is None:
        table, summary = synthetic_negatives(run)
    else:
        table = read_table(pilot_folder(run) / "negatives.parquet")
        summary = {**pilot_summary(run)["synthesis"], "held_back": why}
    for note in summary.get("notes", ()):
        logger.info("%s", note)
    run.pool.write_negatives(SYNTHETIC_PART, table)
    path = run.folder / "pool" / "negatives" / f"{SYNTHETIC_PART}.parquet"
    return {**summary, "proposed": table.num_rows}, [path]
