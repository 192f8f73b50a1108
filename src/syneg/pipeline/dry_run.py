"""What the writing of negatives would take, before anything is asked or spent."""

from __future__ import annotations

import tempfile
from pathlib import Path

from syneg.errors import InputError
from syneg.llm.estimate import Estimate
from syneg.pipeline.config import RunConfig
from syneg.pipeline.manifest import Manifest
from syneg.pipeline.run import Run
from syneg.progress import Progress, SilentProgress

# Parts of a run folder that the writing reads.
_READ = ("dataset", ".dataset", "pool", "embeddings", "llm-server.json")


def estimate_writing(
    config: RunConfig, output: Path, *, progress: Progress | None = None, retry_failed: bool = False
) -> Estimate:
    """Return the requests, tokens, price and time that the writing of negatives would take.

    Real prompts of the data set are rendered, and nothing is asked. In a folder that holds a run,
    what is answered already costs nothing, and its answers tell the usual length and time.

    Args:
        config: What to do.
        output: The run folder; left as it is, and not made.
        progress: Shows what is being done.
        retry_failed: Whether what failed for good is to be asked again.

    Raises:
        InputError: No data set or language model is named, or something given is wrong.
    """
    if not config.dataset.location:
        raise InputError(
            "no data set is named", field="--dataset", remedy="give a BEIR folder or 'pydocs'"
        )
    if config.llm.recorded is not None:
        raise InputError(
            "negatives that are recorded already cost nothing",
            field="--dry-run",
            remedy="leave --synthetic away to see what writing would take",
        )
    from syneg.pipeline.stages.writing import writing_estimate

    with tempfile.TemporaryDirectory(prefix="syneg-dry-run-") as name:
        folder = Path(name)
        # What the run has is read; what it says of itself is neither asked nor changed.
        for part in _READ:
            if (output / part).exists():
                (folder / part).symlink_to((output / part).resolve())
        journal = config.llm.journal or output / "journal.sqlite"
        # One that is not there yet is not made either.
        kept = journal.resolve() if journal.is_file() else None
        llm = config.llm.model_copy(update={"journal": kept})
        config = config.model_copy(update={"llm": llm})
        manifest = Manifest(folder, config, strangers=True)
        return writing_estimate(
            Run(folder, config, manifest, progress or SilentProgress(), retry_failed)
        )
