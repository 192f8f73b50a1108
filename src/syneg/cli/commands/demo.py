"""`syneg demo`: the whole method on the interpreter's own documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option("--output", help="The run folder.")] = Path("demo-run"),
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="Time that the language model may write.")
    ] = 90.0,
) -> None:
    """Run all of SyNeg on Python's documentation with a local model; no network, no key.

    Example:
      syneg demo --output demo-run
    """
    from syneg.cli.outcome import run_and_show
    from syneg.pipeline.config import load_config

    config = load_config(
        values={
            "dataset.location": "pydocs",
            "llm.server": "local",
            "llm.seconds": seconds,
            "offline": True,
            # Sized for eight minutes on two cores.
            "training.epochs": 1,
            "training.max_length": 128,
            "mixing.retrieved": 2,
            # The stand-in's texts would be held back, and nothing of the method be seen.
            "pilot.queries": 0,
        }
    )
    run_and_show(config, output, until="report", is_demo=True)
