"""The stages as commands: a run folder up to and including one stage."""

from __future__ import annotations

from collections.abc import Callable

from syneg.cli.commands import options

STAGES = {
    "mine": "Mine BM25, dense and random negatives into a run folder.",
    "synthesize": "Let the language model write negatives into a run folder.",
    "filter": "Judge what was proposed: quality gates, and false negatives among the mined.",
    "mix": "Choose the negatives of every training instance.",
    "train": "Fine-tune the encoder on the mixture.",
    "report": "Finish the run and write report.html.",
}


def command(stage: str) -> Callable[..., None]:
    """Return the command that brings a run folder up to `stage`."""

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
            ),
            output,
            until=stage,
        )

    bring.__name__ = stage
    bring.__doc__ = (
        f"{STAGES[stage]}\n\nStages that come before and are not done yet are done first. In a "
        f"folder that holds a run, --output alone is enough.\n\nExample:\n\n"
        f"  syneg {stage} --dataset ./my-data --output runs/first"
    )
    return bring
