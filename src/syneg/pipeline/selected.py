"""What the rules of selection say of a run's mined negatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from syneg.filters.selected import SelectedPool, select_from_pool
from syneg.mining.candidates import Positives
from syneg.mining.references import Reference
from syneg.mining.rules import parse_rules
from syneg.mining.similarity import compare_positives
from syneg.mining.source import split_positives
from syneg.mining.stored import read_positives, write_positives
from syneg.pipeline.run import Run


def positives_file(run: Run) -> Path:
    """Return where the positives' similarities to their queries are kept."""
    return run.folder / "pool" / "positives.parquet"


def compared_positives(run: Run) -> Positives:
    """Return the training queries' positives with their similarities, computed once."""
    positives = split_positives(run.dataset, run.config.dataset.train)
    file = positives_file(run)
    known = read_positives(file, positives) if file.is_file() else None
    if known is None:
        known = compare_positives(positives, run.dataset, run.encoder, run.vectors)
        write_positives(file, known)
    return known


def select_mined(run: Run, retrieved: pa.Table) -> SelectedPool:
    """Apply the rules of selection to mined negatives."""
    options = run.config.mining
    return select_from_pool(
        retrieved,
        compared_positives(run),
        parse_rules(options.select),
        reference=Reference(options.reference),
        seed=run.config.seed,
    )


def positive_similarities_of(run: Run, negatives: pa.Table) -> dict[tuple[str, str], float]:
    """Return the similarity of each positive of the negatives' queries, by query and positive.

    They were computed when the candidates were mined: nothing is encoded.
    """
    positives = compared_positives(run)
    wanted = set(negatives["query_id"].to_pylist())
    chosen = np.array([one in wanted for one in positives.query_ids], bool)
    rows = np.flatnonzero(chosen[positives.owners])
    if positives.similarities is None or not rows.size:
        return {}
    documents = run.dataset.corpus["id"].take(pa.array(positives.documents[rows])).to_pylist()
    queries = [positives.query_ids[place] for place in positives.owners[rows].tolist()]
    values = positives.similarities[rows].tolist()
    return dict(zip(zip(queries, documents, strict=True), values, strict=True))
