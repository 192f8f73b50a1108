"""`syneg mine`: mined negatives, for a run folder or as training data for another tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from syneg.cli import mine_options as own
from syneg.cli.commands import options


def mine(
    output: own.Output = None,
    dataset: options.Dataset = None,
    model: options.Model = None,
    source: own.Source = None,
    select: own.Select = None,
    reference: own.ReferenceName = None,
    depth: own.Depth = None,
    language: own.Language = None,
    to: own.To = None,
    negatives: own.Negatives = None,
    split: own.Split = None,
    seed: own.Seed = None,
    cache: own.Cache = None,
    precision: own.Precision = None,
    max_length: own.MaxLength = None,
    pooling: own.Pooling = None,
    dimensions: own.Dimensions = None,
    query_prompt: own.QueryPrompt = None,
    document_prompt: own.DocumentPrompt = None,
    device: own.Device = None,
    search: own.Search = None,
    siblings: own.Siblings = None,
    explain: own.Explain = None,
    llm: options.LanguageModel = None,
    llm_model: options.LanguageModelName = None,
    synthetic: options.Synthetic = None,
    config: options.Config = None,
    set_: options.Set = None,
    offline: options.Offline = False,
    skip_unknown: options.SkipUnknown = False,
    trust_remote_code: options.TrustRemoteCode = False,
    no_pilot: options.NoPilot = False,
) -> None:
    """Mine negatives into a run folder, or by itself into training data for another tool.

    By itself (--to), vectors and candidates are cached: a second call with other rules takes
    seconds. Known positives, documents that repeat one, other chunks of a positive's document
    (where `syneg chunk` or `source_id` in the metadata tells), and the query itself are never
    chosen; queries that come out with too few are told and stay so (FILE.selection.parquet has
    a row for every query).

    Examples:
      syneg mine --dataset ./my-data --output runs/first

      syneg mine --dataset ./my-data --source dense --model minilm --select perc-pos:0.95
      --negatives 4 --to st --output train.parquet

      syneg mine --output runs/first --explain 42
    """
    alone = {
        "--negatives": negatives, "--split": split, "--seed": seed, "--cache": cache,
        "--precision": precision, "--max-length": max_length, "--pooling": pooling,
        "--dimensions": dimensions, "--query-prompt": query_prompt,
        "--document-prompt": document_prompt, "--device": device, "--search": search,
        "--siblings": siblings,
    }  # fmt: skip
    for_run = {
        "--config": config, "--set": set_, "--llm": llm, "--llm-model": llm_model,
        "--synthetic": synthetic, "--no-pilot": no_pilot or None,
    }  # fmt: skip
    is_run = to is None and not (explain is not None and dataset is not None and output is None)
    _refuse(alone if is_run else for_run, is_run)
    if not is_run:
        from syneg.cli.mine_alone import Alone

        Alone(
            dataset=dataset,
            output=output,
            to=to,
            explain=explain,
            cache=cache,
            skip_unknown=skip_unknown,
            plan=Alone.planned(
                source=source,
                select=select,
                reference=reference,
                depth=depth,
                language=language,
                negatives=negatives,
                split=split,
                seed=seed,
                search=search,
            ),
            model=model or "minilm",
            precision=precision or "auto",
            max_length=max_length,
            pooling=pooling,
            dimensions=dimensions,
            query_prompt=query_prompt,
            document_prompt=document_prompt,
            device=device,
            siblings=bool(siblings),
            trust_remote_code=trust_remote_code,
            offline=offline,
        ).mine()
        return
    if output is None:
        _fail("no run folder is named", "--output", "give one, or --to with a file to write")
    elif explain is not None:
        _explain_run(output, explain)
    else:
        from syneg.cli.outcome import run_and_show

        values = {"sources": source, "select": select, "reference": reference, "depth": depth}
        values["language"] = language
        overrides = [f"mining.{key}={json.dumps(value)}" for key, value in values.items() if value]
        run_and_show(
            options.configuration(
                output=output,
                dataset=dataset,
                model=model,
                llm=llm,
                llm_model=llm_model,
                synthetic=synthetic,
                config=config,
                overrides=[*overrides, *(set_ or [])],
                offline=offline,
                skip_unknown=skip_unknown,
                trust_remote_code=trust_remote_code,
                no_pilot=no_pilot,
            ),
            output,
            until="mine",
        )


def _refuse(values: dict[str, Any], is_run: bool) -> None:
    """Raise for an option that the other way of calling the command has."""
    for name, value in values.items():
        if value is None or value == []:
            continue
        if is_run:
            _fail("this option is of mining by itself", name, "add --to, or leave it away")
        _fail("this option is of a run folder", name, "leave it away, or leave --to away")


def _fail(problem: str, field: str, remedy: str) -> None:
    from syneg.errors import InputError

    raise InputError(problem, field=field, remedy=remedy)


def _explain_run(output: Path, query_id: str) -> None:
    from syneg.cli.mined import explanation_tables, print_wide
    from syneg.pipeline.explained import explain_run

    for table in explanation_tables(explain_run(output, query_id)):
        print_wide(table)
