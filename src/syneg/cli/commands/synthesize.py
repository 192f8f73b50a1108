"""`syneg synthesize`: have a language model write negatives, or say what that would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from syneg.cli.commands import options

if TYPE_CHECKING:
    from syneg.llm.estimate import Estimate

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say what it would take (requests, tokens, price, time), from real prompts; "
        "nothing is asked.",
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Ask again also what failed in a way that asking again does not mend as a rule, "
        "such as refusals.",
    ),
]


def synthesize(
    output: options.Output,
    dataset: options.Dataset = None,
    model: options.Model = None,
    llm: options.LanguageModels = None,
    llm_model: options.LanguageModelName = None,
    prompt: options.PromptName = None,
    queries: options.Queries = None,
    prices: options.PricesOption = None,
    max_cost: options.MaxCost = None,
    max_tokens: options.MaxTokens = None,
    dry_run: DryRun = False,
    retry_failed: RetryFailed = False,
    synthetic: options.Synthetic = None,
    config: options.Config = None,
    set_: options.Set = None,
    offline: options.Offline = False,
    skip_unknown: options.SkipUnknown = False,
    trust_remote_code: options.TrustRemoteCode = False,
    no_pilot: options.NoPilot = False,
) -> None:
    """Let the language model write negatives into a run folder.

    Stages that come before and are not done yet are done first. Every answer is kept before it
    is read: stop it, raise a limit or let the data grow, and nothing is asked twice.

    Examples:
      syneg synthesize --dataset ./my-data --output runs/first --llm http://127.0.0.1:8000/v1
      --dry-run

      syneg synthesize --dataset ./my-data --output runs/first --llm http://127.0.0.1:8000/v1
      --prompt causal --prices 0.15,0.60 --max-cost 5

      syneg synthesize --output runs/first --retry-failed
    """
    from syneg.cli.console import ConsoleProgress, out
    from syneg.cli.outcome import run_and_show

    loaded = options.configuration(
        output=output,
        dataset=dataset,
        model=model,
        llm=llm,
        llm_model=llm_model,
        synthetic=synthetic,
        config=config,
        overrides=set_,
        offline=offline,
        skip_unknown=skip_unknown,
        trust_remote_code=trust_remote_code,
        no_pilot=no_pilot,
        values={
            "synthesis.prompt": prompt,
            "llm.queries": queries,
            "llm.most_cost": max_cost,
            "llm.most_tokens": max_tokens,
            **options.read_prices(prices),
        },
    )
    if not dry_run:
        run_and_show(loaded, output, until="synthesize", retry_failed=retry_failed)
        return
    from syneg.pipeline.dry_run import estimate_writing

    found = estimate_writing(loaded, output, progress=ConsoleProgress(), retry_failed=retry_failed)
    out.print(_table(found))
    for guess in found.guesses:
        out.print(f"- {guess}", highlight=False, markup=False)
    out.print("Nothing was asked.", highlight=False)


def _table(found: Estimate) -> Any:
    from rich.table import Table

    table = Table(title="What writing the negatives would take", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    rows = {
        "calls in all": f"{found.items:,}",
        "answered already": f"{found.answered:,}",
        "failed for good before": f"{found.failed_before:,}",
        "requests to ask": f"{found.requests:,}",
        "tokens of requests": f"{found.prompt_tokens:,}",
        "tokens of answers": f"{found.completion_tokens:,}"
        f" (at most {found.most_completion_tokens:,})",
        "price": "unknown: give --prices"
        if found.cost is None or found.most_cost is None
        else f"${found.cost:,.2f} (at most ${found.most_cost:,.2f})",
        "time": "unknown: no answer to go by yet"
        if found.seconds is None
        else _duration(found.seconds),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"about {max(1, round(seconds))} s"
    return f"about {minutes} min" if minutes < 120 else f"about {minutes / 60:.1f} h"
