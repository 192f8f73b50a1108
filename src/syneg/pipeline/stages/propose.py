"""The stages in which negatives are proposed: mined, and written by a language model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pyarrow as pa

from syneg.encoders.nearest import SearchOptions
from syneg.encoders.remembered import RememberedQueries
from syneg.files import read_table
from syneg.mining.candidates import Integers, Positives
from syneg.mining.exclusions import exclusion_counts
from syneg.mining.siblings import source_documents
from syneg.mining.similarity import add_similarities
from syneg.mining.source import RetrievedSource, split_positives, to_proposals
from syneg.mining.source_list import Means, build_sources
from syneg.mining.source_names import parse_sources
from syneg.pipeline.chosen import held_back, pilot_folder, pilot_summary
from syneg.pipeline.run import Run
from syneg.pipeline.selected import compared_positives, positives_file
from syneg.pipeline.stages.writing import has_language_model, synthetic_negatives

logger = logging.getLogger(__name__)
SYNTHETIC_PART = "llm"


def mine(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Propose what the sources retrieve for the training queries."""
    options = run.config.mining
    # Each query is encoded once for all sources.
    encoder = RememberedQueries(run.encoder)
    sources = build_sources(
        parse_sources(options.sources, field="mining.sources"),
        Means(
            depth=options.depth,
            seed=run.config.seed,
            language=options.language,
            dense=lambda: (encoder, lambda: run.vectors),
            # Chance only fills up.
            random_depth=max(10, run.config.mixing.total),
            search=SearchOptions(options.search, seed=run.config.seed),
        ),
    )
    positives = split_positives(run.dataset, run.config.dataset.train)
    cut = None if options.siblings else source_documents(run.config.dataset.location, run.dataset)
    folder = run.folder / "pool" / "negatives"
    _forget_others(folder, {source.name for source in sources})
    summary: dict[str, Any] = {"proposed": {}, "excluded": {}, "search": {}}
    written = []
    with run.progress.task("mine", total=len(sources)) as task:
        for source in sources:
            task.describe(source.name)
            proposals, summary["excluded"][source.name] = _proposals(
                run, source, positives, encoder, cut
            )
            if source.facts:
                summary["search"][source.name] = source.facts
            run.pool.write_negatives(source.name, proposals)
            written.append(folder / f"{source.name}.parquet")
            summary["proposed"][source.name] = proposals.num_rows
            task.advance()
    compared_positives(run)
    return summary, [*written, positives_file(run)]


def _proposals(
    run: Run,
    source: RetrievedSource,
    positives: Positives,
    encoder: RememberedQueries,
    cut: Integers | None,
) -> tuple[pa.Table, dict[str, int]]:
    """Return a source's proposals, and how many candidates were excluded and why."""
    found = source.candidates(
        run.dataset,
        positives,
        run.config.dataset.train,
        near_duplicate=run.config.mining.near_duplicate,
        sources=cut,
    )
    proposals = to_proposals(run.dataset, found, positives)
    proposals = add_similarities(proposals, run.dataset, encoder, run.vectors)
    return proposals, exclusion_counts(found)


def _forget_others(folder: Path, names: set[str]) -> None:
    """Remove what sources found that are not named any more."""
    for file in folder.glob("[!.]*.parquet"):
        if file.stem not in names and not file.stem.startswith(SYNTHETIC_PART):
            file.unlink()


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
