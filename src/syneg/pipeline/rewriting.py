"""Having the language model rewrite the positives, beside a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from syneg.errors import InputError
from syneg.pipeline.config import RunConfig
from syneg.pipeline.manifest import Manifest, run_folder
from syneg.pipeline.run import Run
from syneg.progress import Progress, SilentProgress
from syneg.synthesis.options import SynthesisOptions
from syneg.synthesis.rewrites import rewritten_positives, write_rewritten_positives
from syneg.synthesis.writer import Writer

FILE = "rewritten_positives.jsonl"


def rewrite_positives(
    config: RunConfig, output: Path, *, progress: Progress | None = None, retry_failed: bool = False
) -> dict[str, Any]:
    """Have every training query's positive rewritten in the style of the synthetic negatives.

    In place of some originals they balance the sources: then not every text that a language
    model wrote is a negative. Answers go to the run's journal.

    Args:
        config: The run's configuration.
        output: The run folder; gets `rewritten_positives.jsonl`, as studies read it.
        progress: Shows what is being done.
        retry_failed: Whether what failed for good is asked again.

    Returns:
        What asking took, and under "written" how many rewrites there are.

    Raises:
        InputError: No data set or language model is named, or something given is wrong.
    """
    from syneg.pipeline.stages.asking import WRITING, ask, journal_of, language_model_of
    from syneg.pipeline.stages.writing import profile_of

    if not config.dataset.location or config.llm.server == "none":
        missing = "--llm" if config.dataset.location else "--dataset"
        raise InputError("is missing", field=missing, remedy="name a data set and a language model")
    options = SynthesisOptions(
        prompt="rewrite",
        **{name: getattr(config.synthesis, name) for name in _SHARED},
    )
    with run_folder(output) as folder:
        shown = progress or SilentProgress()
        run = Run(folder, config, Manifest(folder, config), shown, retry_failed)
        writer = Writer(
            run.dataset, config.dataset.train, options, profile_of(run), seed=config.seed
        )
        most = config.llm.queries
        with journal_of(run) as journal, language_model_of(run) as model:
            asked = ask(
                run,
                model,
                journal,
                writer.exchanges(most_queries=most),
                total=writer.count(most_queries=most),
                task=WRITING,
            )
            table = writer.records(journal, model.name, most_queries=most)
        written = write_rewritten_positives(folder / FILE, rewritten_positives(table))
    return {**asked.as_dict(), "written": written}


# What rewriting takes from the run's own settings of writing.
_SHARED = (
    "profile", "temperature", "max_tokens", "tries", "anchors", "longest_words",
    "positive_words", "title_characters", "seed",
)  # fmt: skip
