"""What the pilot chose, for the stages after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from syneg.mixing.options import MixingOptions
from syneg.pipeline.run import Run
from syneg.training.options import LossOptions, TrainingOptions


def pilot_folder(run: Run) -> Path:
    """Return where the pilot keeps its negatives and its candidates' results."""
    return run.folder / "pilot"


def pilot_summary(run: Run) -> dict[str, Any]:
    """Return what the pilot told of itself; empty where it is not done, or its files changed."""
    return run.manifest.finished("pilot") or {}


def held_back(run: Run) -> str | None:
    """Return why the pilot holds synthetic negatives back; None where it does not."""
    summary = pilot_summary(run)
    return str(summary["sentence"]) if summary.get("held_back") else None


def chosen_mixing(run: Run) -> MixingOptions:
    """Return the mixing options with the counts that the pilot chose."""
    chosen = pilot_summary(run).get("mixing", {})
    return run.config.mixing.model_copy(update=chosen)


def chosen_training(run: Run) -> TrainingOptions:
    """Return the training options with the loss that the pilot chose."""
    chosen = pilot_summary(run).get("loss")
    if chosen is None:
        return run.config.training
    loss = LossOptions.model_validate(chosen)
    return run.config.training.model_copy(update={"loss": loss})
