"""What a finished run left behind, read once for all sections."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.files import read_json, read_table
from syneg.negatives.pool import stands
from syneg.negatives.record import SYNTHETIC
from syneg.pipeline.run import Run

STARTING = "starting"
TUNED = "tuned"
_LABELS = {
    "bm25": "BM25",
    "dense": "dense retrieval",
    "random": "random",
    SYNTHETIC: "language model",
}


class Finished:
    """The files of a run folder, as the sections of the report need them.

    Args:
        run: A run whose stages up to "evaluate" are done.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.config = run.config
        self.stages: dict[str, Any] = run.manifest.content["stages"]
        self.metrics: dict[str, Any] = read_json(run.folder / "metrics.json")

    def summary(self, stage: str) -> dict[str, Any]:
        """Return what a stage told of itself; empty where it is not entered."""
        found: dict[str, Any] = self.stages.get(stage, {}).get("summary", {})
        return found

    @property
    def dataset(self) -> RetrievalDataset:
        """The data set, for texts."""
        return self.run.dataset

    @cached_property
    def negatives(self) -> pa.Table:
        """All negatives of the pool."""
        return self.run.pool.negatives()

    @cached_property
    def verdicts(self) -> pa.Table:
        """All verdicts of the pool."""
        return self.run.pool.verdicts()

    @cached_property
    def mixture(self) -> pa.Table:
        """The training instances."""
        return read_table(self.run.folder / "mixture.parquet")

    @cached_property
    def sources(self) -> list[str]:
        """The sources that proposed anything: mined ones by name, the language model last."""
        found = pc.unique(self.negatives["source"]).to_pylist()
        return sorted(found, key=lambda source: (source == SYNTHETIC, source))

    @cached_property
    def accepted(self) -> npt.NDArray[np.bool_]:
        """For each row of `negatives`, whether it may be trained on after all verdicts."""
        kept = stands(self.negatives, self.verdicts)
        has_text = pc.or_(
            pc.is_valid(self.negatives["doc_id"]),
            pc.fill_null(pc.greater(pc.utf8_length(self.negatives["text"]), 0), False),
        )
        return np.asarray(pc.and_(kept, has_text).to_numpy(zero_copy_only=False), bool)

    def of_source(self, source: str) -> npt.NDArray[np.bool_]:
        """Return for each row of `negatives` whether the source proposed it."""
        mask = pc.equal(self.negatives["source"], source)
        return np.asarray(mask.to_numpy(zero_copy_only=False), bool)

    def proposed_and_accepted(self) -> dict[str, tuple[int, int]]:
        """Return how many negatives each source proposed, and how many stand."""
        masks = {source: self.of_source(source) for source in self.sources}
        return {
            source: (int(mask.sum()), int((mask & self.accepted).sum()))
            for source, mask in masks.items()
        }

    def used_ids(self) -> Counter[str]:
        """Return how often each negative stands in a training instance."""
        flat = self.mixture["negative_ids"].combine_chunks().flatten()
        return Counter(flat.to_pylist())


def source_label(source: str) -> str:
    """Return what the report calls a source.

    Example:
        >>> source_label("llm"), source_label("colbert")
        ('language model', 'colbert')
    """
    return _LABELS.get(source, source)
