"""`syneg run`, and the stages as commands: a run folder up to and including one stage."""

from __future__ import annotations

from collections.abc import Callable

from syneg.cli.commands import options

RUN = """From a data set to a better retriever: mine, write, filter, mix, train, evaluate, report.

Before the negatives of all queries are written, a pilot finds out on 100 of them whether such
negatives help on this data, and chooses the mixture; --no-pilot leaves it out.

The run can be killed at any moment; the same command goes on where it stopped.

Examples:

  syneg run --dataset ./my-data --output runs/first

  syneg run --dataset ./my-data --llm http://127.0.0.1:8000/v1 --output runs/with-llm

  syneg run --dataset ./my-data --synthetic negatives.jsonl --output runs/recorded
"""

STAGES = {
    "mine": "Mine BM25, dense and random negatives into a run folder.",
    "synthesize": "Let the language model write negatives into a run folder.",
    "filter": "Judge what was proposed: quality gates, and false negatives among the mined.",
    "mix": "Choose the negatives of every training instance.",
    "train": "Fine-tune the encoder on the mixture.",
    "report": "Finish the run and write report.html.",
}


def command(name: str) -> Callable[..., None]:
    """Return the command `run`, or the one that brings a run folder up to the stage `name`."""

    def bring(
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
        no_pilot: options.NoPilot = False,
    ) -> None:
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
                no_pilot=no_pilot,
            ),
            output,
            until="report" if name == "run" else name,
        )

    bring.__name__ = name
    bring.__doc__ = RUN if name == "run" else _stage_help(name)
    return bring


def _stage_help(name: str) -> str:
    return (
        f"{STAGES[name]}\n\nStages that come before and are not done yet are done first. In a "
        "folder that holds a run, --output alone is enough.\n\nExample:\n\n"
        f"  syneg {name} --dataset ./my-data --output runs/first"
    )
