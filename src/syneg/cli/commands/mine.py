"""`syneg mine`: mined negatives, for a run folder or as training data for another tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from syneg.cli.commands import options

Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="random, bm25, dense, fusion:bm25+dense, run:FILE, judged or earlier:FILE; "
        "repeatable (default by itself: dense).",
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        help="A rule: rank:1-30, perc-pos:0.95, margin:0.05, margin-relative:0.05, "
        "similarity-max:0.8, similarity-min:0.2, score-max:…, score-min:…; last, if any, one "
        "that chooses: top, random, simans:a=0.5,b=0. Repeatable (default: perc-pos:0.95).",
    ),
]
ReferenceName = Annotated[
    str | None,
    typer.Option(
        "--reference",
        help="Which of several positives candidates are held against: nearest (default), "
        "first, farthest or mean.",
    ),
]
Depth = Annotated[
    int | None,
    typer.Option("--depth", min=1, help="Candidates per query and source (default: 100)."),
]
Language = Annotated[
    str | None,
    typer.Option("--language", help="Of BM25's stemmer and stop words (default: english)."),
]


def mine(
    output: Annotated[
        Path | None,
        typer.Option("--output", help="The run folder; with --to, the file to write."),
    ] = None,
    dataset: options.Dataset = None,
    model: options.Model = None,
    source: Source = None,
    select: Select = None,
    reference: ReferenceName = None,
    depth: Depth = None,
    language: Language = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="By itself, without a run folder: st, st-triplet, flagembedding, tevatron, "
            "tevatron-older, trec or jsonl.",
        ),
    ] = None,
    negatives: Annotated[
        int | None,
        typer.Option("--negatives", min=1, help="With --to: for each query (default: 4)."),
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="With --to: whose queries (default: train).")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="With --to: of all that is drawn.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            help="With --to: where vectors and candidates are kept (default: the folder "
            "syneg-cache beside the output).",
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            help="With --to: auto (default: bfloat16 where it is fast), float32 or bfloat16.",
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option("--max-length", min=8, help="With --to: most tokens read of a text."),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", help="Show a query's candidates and what became of each."),
    ] = None,
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
    seconds. Known positives, documents that repeat one, and the query itself are never chosen;
    queries that come out with too few are told and stay so (FILE.selection.parquet has a row
    for every query).

    Examples:
      syneg mine --dataset ./my-data --output runs/first

      syneg mine --dataset ./my-data --source dense --model minilm --select perc-pos:0.95
      --negatives 4 --to st --output train.parquet

      syneg mine --output runs/first --explain 42
    """
    alone = {
        "--negatives": negatives, "--split": split, "--seed": seed, "--cache": cache,
        "--precision": precision, "--max-length": max_length,
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
            ),
            model=model or "minilm",
            precision=precision or "auto",
            max_length=max_length,
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
