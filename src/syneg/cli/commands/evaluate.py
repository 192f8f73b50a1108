"""`syneg evaluate`: the figures of one model on one split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from syneg.cli.commands import options


def evaluate(
    dataset: options.Dataset = None,
    model: options.Model = None,
    split: Annotated[
        str | None, typer.Option("--split", help="The split that is measured (default: test).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", help="A run folder: finish it up to its evaluation.")
    ] = None,
    offline: options.Offline = False,
    skip_unknown: options.SkipUnknown = False,
    trust_remote_code: options.TrustRemoteCode = False,
) -> None:
    """Measure an encoder on a split of a data set, by exact search.

    Examples:
      syneg evaluate --dataset ./my-data --model minilm --split test --json

      syneg evaluate --output runs/first
    """
    from syneg.errors import InputError

    if output is not None:
        if dataset or model or split or as_json:
            raise InputError(
                "a run folder knows its data set, model and splits",
                field="--output",
                remedy="leave --dataset, --model, --split and --json away",
            )
        _finish_run(output, offline)
        return
    split = split or "test"
    if dataset is None:
        raise InputError(
            "no data set is named", field="--dataset", remedy="give a BEIR folder or 'pydocs'"
        )
    from syneg.cli.console import ConsoleProgress, out
    from syneg.cli.outcome import metrics_table
    from syneg.datasets.load import load_dataset
    from syneg.encoders.encoder import load_encoder
    from syneg.evaluation.evaluate import evaluate as evaluate_model

    data = load_dataset(dataset, skip_unknown=skip_unknown, offline=offline)
    data.judgements(split)
    encoder = load_encoder(model or "minilm", trust_remote_code=trust_remote_code, offline=offline)
    result = evaluate_model(data, encoder, split, progress=ConsoleProgress())
    if as_json:
        out.print(json.dumps(result.summary()), highlight=False, markup=False)
    else:
        out.print(metrics_table(f"{data.name}, {split}", {model or "minilm": result.metrics}))


def _finish_run(output: Path, offline: bool) -> None:
    from syneg.cli.outcome import run_and_show
    from syneg.errors import InputError
    from syneg.pipeline.config import load_config

    kept = output / "config.yaml"
    if not kept.is_file():
        raise InputError("holds no run", file=output, remedy="begin one with `syneg run`")
    config = load_config(kept, values={"offline": offline or None})
    run_and_show(config, output, until="evaluate")
