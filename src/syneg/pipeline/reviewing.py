"""Taking what people decided about negatives into a run's pool."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from syneg.errors import InputError
from syneg.filters.review import read_reviews
from syneg.negatives.pool import NegativePool
from syneg.pipeline.config import load_config
from syneg.pipeline.manifest import TRAINING, Manifest, run_folder

PART = "review"
"""The part of the pool that holds people's verdicts."""


def add_reviews(output: Path, file: Path) -> tuple[int, bool]:
    """Add people's decisions to a run's verdicts; they outweigh those of every filter.

    What was mixed is mixed anew at the next call, and the judge measures itself on them, unless a
    model was trained already: its mixture stays what it was.

    Args:
        output: A run folder.
        file: The decisions; see `syneg.filters.review.read_reviews`.

    Returns:
        How many verdicts they are (a decision about a document holds for all sources that
        proposed it), and whether a model was trained already.

    Raises:
        InputError: The folder holds no run or no negatives, or a line of the file is wrong.
    """
    kept = output / "config.yaml"
    if not kept.is_file():
        raise InputError("holds no run", file=output, remedy="give the --output of a run")
    with run_folder(output) as folder:
        manifest = Manifest(folder, load_config(kept))
        pool = NegativePool(folder / "pool")
        negatives = pool.negatives()
        if not negatives.num_rows:
            raise InputError(
                "the run has no negatives yet", file=folder, remedy="bring it to `filter` first"
            )
        found = read_reviews(file, negatives)
        known = pool.verdicts(PART) if PART in pool.parts("verdicts") else found.slice(0, 0)
        # The same file again changes nothing: equal rows stand once.
        whole = pa.concat_tables([known, found])
        pool.write_verdicts(
            PART, whole.group_by(whole.column_names, use_threads=False).aggregate([])
        )
        stages = list(manifest.content["stages"])
        trained = TRAINING in stages
        if not trained and "filter" in stages:
            manifest.forget_from(stages[stages.index("filter") :])
    return found.num_rows, trained
