"""The Python side of the commands: the same names, the same arguments, the same folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from syneg.pipeline.config import load_config
from syneg.pipeline.pipeline import run_pipeline
from syneg.progress import Progress

__all__ = ["filter", "mine", "mix", "report", "run", "synthesize", "train"]

StageFunction = Callable[..., dict[str, Any]]


def run(
    output: str | Path,
    *,
    dataset: str | Path | None = None,
    model: str | Path | None = None,
    llm: str | None = None,
    llm_model: str | None = None,
    synthetic: str | Path | None = None,
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    until: str = "report",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Go from a data set to a better retriever in one run folder, or go on where one stopped.

    Args:
        output: The run folder.
        dataset: BEIR folder, "pydocs" or "hub:NAME"; None in a folder that holds a run.
        model: "minilm", a folder or "hub:NAME"; None for "minilm".
        llm: "none", "local" or the URL of an OpenAI-compatible server; None for "none".
        llm_model: The model's name at the server.
        synthetic: JSONL file of negatives that were written elsewhere.
        config: YAML file.
        settings: More values by dotted key, such as {"training.epochs": 5}.
        until: The last stage: "data", "baseline", "mine", "pilot", "synthesize", "filter", "mix",
            "train", "evaluate" or "report".
        progress: Shows what is being done; None is silent.

    Returns:
        The summary of every stage by name; under "evaluate" the metrics, comparisons and
        which model was exported.

    Raises:
        InputError: Something given is wrong; what was done before stays.

    Example:
        >>> import tempfile
        >>> from syneg.datasets.beir import write_beir_folder
        >>> from syneg.datasets.dataset import RetrievalDataset
        >>> animals = ["cat", "dog", "owl", "bee"]
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[(name, "", f"The {name} sleeps.") for name in animals],
        ...     queries=[(f"q{name}", f"Does the {name} sleep?") for name in animals],
        ...     qrels={"train": [(f"q{name}", name, 1) for name in animals[:3]],
        ...            "test": [("qbee", "bee", 1)]})
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_beir_folder(data, folder / "data")
        >>> done = run(folder / "run", dataset=folder / "data", until="data")
        >>> done["data"]["documents"]
        4
    """
    kept = Path(output) / "config.yaml"
    file = Path(config) if config is not None else None
    if file is None and dataset is None and kept.is_file():
        file = kept
    values = {
        "dataset.location": None if dataset is None else str(dataset),
        "model.location": None if model is None else str(model),
        "llm.server": llm,
        "llm.model": llm_model,
        "llm.recorded": None if synthetic is None else str(synthetic),
        **(settings or {}),
    }
    loaded = load_config(file, values=values)
    return run_pipeline(loaded, Path(output), until=until, progress=progress)


def _stage(name: str, what: str) -> StageFunction:
    def bring(output: str | Path, **arguments: Any) -> dict[str, Any]:
        return run(output, until=name, **arguments)

    bring.__name__ = bring.__qualname__ = name
    bring.__doc__ = (
        f"{what}\n\nStages that come before and are not done yet are done first.\n\n"
        "Args:\n    output: The run folder.\n    **arguments: As for `run`.\n"
    )
    return bring


mine = _stage("mine", "Mine BM25, dense and random negatives into a run folder.")
synthesize = _stage("synthesize", "Let a language model write negatives into a run folder.")
filter = _stage("filter", "Judge what was proposed in a run folder.")
mix = _stage("mix", "Choose the negatives of every training instance of a run folder.")
train = _stage("train", "Fine-tune the encoder of a run folder on its mixture.")
report = _stage("report", "Finish a run folder and write its report.html.")
