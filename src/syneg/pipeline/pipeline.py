"""Wiring the stages: which come before which, what is done already, what is left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from syneg.errors import InputError
from syneg.pipeline.chosen import held_back
from syneg.pipeline.config import RunConfig
from syneg.pipeline.manifest import Manifest, run_folder
from syneg.pipeline.run import Run, as_plain
from syneg.progress import Progress, SilentProgress

logger = logging.getLogger(__name__)

Stage = Callable[[Run], tuple[dict[str, Any], list[Path]]]


def stages() -> dict[str, Stage]:
    """Return the stages by name, in order."""
    from syneg.pipeline.stages import fine_tune, judge, measure, pilot, propose
    from syneg.reporting.page import write_report

    return {
        "data": measure.check_data,
        "baseline": measure.measure_start,
        "mine": propose.mine,
        "pilot": pilot.pilot,
        "synthesize": propose.synthesize,
        "filter": judge.judge,
        "mix": judge.mix,
        "train": fine_tune.train,
        "evaluate": measure.measure_tuned,
        "report": write_report,
    }


def run_pipeline(
    config: RunConfig,
    output: Path,
    *,
    until: str = "report",
    progress: Progress | None = None,
    retry_failed: bool = False,
) -> dict[str, Any]:
    """Do what is left to do of a run, in its folder.

    Every stage writes whole files and is entered in the manifest when it is done, so a
    process that was killed anywhere can be started again with the same arguments: finished
    stages are not repeated, and the long ones (encoding, asking, training) go on inside.

    Args:
        config: What to do.
        output: The run folder; made if it is not there.
        until: The last stage to do.
        progress: Shows what is being done.
        retry_failed: Ask the language model again what it failed at for good.

    Returns:
        The summary of every stage by name.

    Raises:
        InputError: Something that the user gave is wrong; what was done stays.
    """
    from syneg.pipeline.stages.writing import check_language_model

    todo = stages()
    if until not in todo:
        raise InputError(
            "there is no such stage",
            field="until",
            value=until,
            remedy=f"one of: {', '.join(todo)}",
        )
    if not config.dataset.location:
        raise InputError(
            "no data set is named", field="--dataset", remedy="give a BEIR folder or 'pydocs'"
        )
    names = list(todo)[: list(todo).index(until) + 1]
    with run_folder(output) as folder:
        run = Run(
            folder, config, Manifest(folder, config), progress or SilentProgress(), retry_failed
        )
        if retry_failed:
            run.manifest.write_on()
        summaries: dict[str, Any] = {}
        repeat = False
        to_check = "pilot" in names
        for number, name in enumerate(names, 1):
            done = None if repeat else run.manifest.finished(name)
            if done is not None:
                logger.info("[%d/%d] %s: done before", number, len(names), name)
                summaries[name] = done
                continue
            if not repeat:
                # A stage that is done again makes all later ones stale.
                run.manifest.forget_from(list(todo)[number - 1 :])
                repeat = True
            if name != "data" and to_check and _will_ask(run):
                # Hours of mining must not come before "the server refuses the key".
                check_language_model(run)
                to_check = False
            logger.info("[%d/%d] %s", number, len(names), name)
            started = time.monotonic()
            summary, outputs = todo[name](run)
            summaries[name] = as_plain(summary)
            run.manifest.finish(name, summaries[name], outputs, time.monotonic() - started)
        return summaries


def _will_ask(run: Run) -> bool:
    """Tell whether negatives are still to be written, read or judged."""
    if run.config.judge.enabled and run.manifest.finished("filter") is None:
        return True
    return run.manifest.finished("synthesize") is None and held_back(run) is None
