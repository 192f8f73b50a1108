"""`syneg study`: arms × data sets × seeds, and what they say."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def study(
    plan: Annotated[
        str,
        typer.Argument(help="A plan that comes with syneg ('remedies'), or a YAML file."),
    ] = "remedies",
    data: Annotated[
        Path, typer.Option("--data", help="Folder that the plan's data sets lie in.")
    ] = Path(),
    output: Annotated[
        Path, typer.Option("--output", help="The study's folder; the same one goes on.")
    ] = Path("study"),
    tier: Annotated[
        str, typer.Option("--tier", help="'full', or 'smoke': a small part, one seed, minutes.")
    ] = "full",
    arm: Annotated[
        list[str] | None, typer.Option("--arm", help="Only this arm; repeatable.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", help="Only this data set; repeatable.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Only the first so many seeds.")
    ] = None,
) -> None:
    """Compare ways of choosing negatives and of learning from them, with seeds and intervals.

    Every cell (arm, data set, seed) is kept by the hash of what decides it: a study that was
    stopped goes on, and one that grows repeats nothing.

    Examples:
      syneg study remedies --tier smoke --data ./data --output studies/smoke

      syneg study remedies --data ./data --output studies/full --arm dense --arm hybrid
    """
    from syneg.cli.console import ConsoleProgress, out, say_interrupted
    from syneg.studies.presets import chosen_part, load_plan
    from syneg.studies.runner import run_study, write_results

    part = chosen_part(load_plan(plan, tier), arms=arm, datasets=dataset, seeds=seeds)
    command = f"syneg study {plan} --tier {tier} --data DATA --output OUTPUT"
    for option, values in (("--arm", arm), ("--dataset", dataset)):
        command += "".join(f" {option} {shlex.quote(value)}" for value in values or ())
    command += "" if seeds is None else f" --seeds {seeds}"
    try:
        result = run_study(part, data, output, progress=ConsoleProgress())
    except KeyboardInterrupt:
        raise typer.Exit(say_interrupted()) from None
    written = write_results(result, part, output, commands=(command,))
    out.print(written.read_text("utf-8"), highlight=False, markup=False)
    out.print(f"Written to {written}", highlight=False, markup=False)
