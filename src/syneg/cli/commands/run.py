"""`syneg run`: the whole method on the user's own data."""

from __future__ import annotations

from syneg.cli.commands import options


def run(
    output: options.Output,
    dataset: options.Dataset = None,
    model: options.Model = None,
    llm: options.LanguageModel = None,
    llm_model: options.LanguageModelName = None,
    synthetic: options.Synthetic = None,
    config: options.Config = None,
    set_: options.Set = None,
    offline: options.Offline = False,
    skip_unknown: options.SkipUnknown = False,
    trust_remote_code: options.TrustRemoteCode = False,
) -> None:
    """From a data set to a better retriever: mine, write, filter, mix, train, evaluate, report.

    The run can be killed at any moment; the same command goes on where it stopped.

    Examples:
      syneg run --dataset ./my-data --output runs/first

      syneg run --dataset ./my-data --llm http://127.0.0.1:8000/v1 --output runs/with-llm

      syneg run --dataset ./my-data --synthetic negatives.jsonl --output runs/recorded
    """
    from syneg.cli.outcome import run_and_show

    run_and_show(
        options.configuration(
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
        ),
        output,
        until="report",
    )
