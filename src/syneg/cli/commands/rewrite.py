"""`syneg rewrite`: positives in the style of the synthetic negatives."""

from __future__ import annotations

from syneg.cli.commands import options
from syneg.cli.commands.synthesize import RetryFailed


def rewrite(
    output: options.Output,
    dataset: options.Dataset = None,
    llm: options.LanguageModels = None,
    llm_model: options.LanguageModelName = None,
    queries: options.Queries = None,
    prices: options.PricesOption = None,
    max_cost: options.MaxCost = None,
    max_tokens: options.MaxTokens = None,
    retry_failed: RetryFailed = False,
    config: options.Config = None,
    set_: options.Set = None,
    offline: options.Offline = False,
    skip_unknown: options.SkipUnknown = False,
) -> None:
    """Let the language model rewrite positives, so that not all it wrote are negatives.

    They are written to rewritten_positives.jsonl in the run folder; a study takes them as
    `rewrites`.

    Example:
      syneg rewrite --dataset ./my-data --output runs/first --llm http://127.0.0.1:8000/v1
    """
    from syneg.cli.console import ConsoleProgress, out
    from syneg.llm.outcome_lines import outcome_lines
    from syneg.pipeline.rewriting import FILE, rewrite_positives

    loaded = options.configuration(
        output=output,
        dataset=dataset,
        model=None,
        llm=llm,
        llm_model=llm_model,
        synthetic=None,
        config=config,
        overrides=set_,
        offline=offline,
        skip_unknown=skip_unknown,
        trust_remote_code=False,
        values={
            "llm.queries": queries,
            "llm.most_cost": max_cost,
            "llm.most_tokens": max_tokens,
            **options.read_prices(prices),
        },
    )
    summary = rewrite_positives(
        loaded, output, progress=ConsoleProgress(), retry_failed=retry_failed
    )
    out.print(
        f"{summary['written']} of {summary['asked']} positives were rewritten: {output / FILE}",
        highlight=False,
        markup=False,
    )
    for line in outcome_lines(summary):
        out.print(line, highlight=False, markup=False)
