"""`syneg prompt`: look at what would be sent, without sending it."""

from __future__ import annotations

from typing import Annotated

import typer

from syneg.cli.commands import options

app = typer.Typer(no_args_is_help=True, help="Look at the prompts.")


@app.command("show")
def show(
    dataset: Annotated[
        str, typer.Option("--dataset", help="BEIR folder, 'pydocs' (built in), or 'hub:NAME'.")
    ] = "pydocs",
    prompt: options.PromptName = None,
    query: Annotated[
        str | None, typer.Option("--query", help="Id of a training query (default: the first).")
    ] = None,
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="Which of the query's calls, from 0.")
    ] = 0,
    config: options.Config = None,
    set_: options.Set = None,
    offline: options.Offline = False,
    skip_unknown: options.SkipUnknown = False,
) -> None:
    """Show the requests that would be sent for a query, one of each kind; nothing is sent.

    Examples:
      syneg prompt show --dataset ./my-data

      syneg prompt show --dataset ./my-data --prompt causal --set synthesis.reflection=verify
    """
    from syneg.cli.console import out
    from syneg.datasets.load import load_dataset
    from syneg.errors import InputError
    from syneg.pipeline.config import load_config
    from syneg.synthesis.profile import load_profile, profile_for
    from syneg.synthesis.writer import Writer

    loaded = load_config(config, set_ or [], {"synthesis.prompt": prompt})
    data = load_dataset(dataset, skip_unknown=skip_unknown, offline=offline)
    named = loaded.synthesis.profile
    profile = load_profile(named) if named else profile_for(data.name)
    writer = Writer(data, loaded.dataset.train, loaded.synthesis, profile, seed=loaded.seed)
    if sample >= loaded.synthesis.calls_per_query:
        raise InputError(
            "there is no such call",
            field="--sample",
            value=sample,
            remedy=f"a query has {loaded.synthesis.calls_per_query} (synthesis.per_query)",
        )
    query_id = query or writer.query_ids(most_queries=1)[0]
    for number, call in enumerate(writer.preview(query_id, sample=sample), 1):
        characters = len(call.messages.system) + len(call.messages.user)
        out.rule(f"{number}. {call.step}: about {characters / 4:.0f} tokens", align="left")
        if call.note:
            out.print(f"({call.note})", highlight=False, markup=False, style="italic")
        for role, text in zip(("system", "user"), call.messages, strict=True):
            out.print(f"[{role}]", style="bold", markup=False)
            out.print(text, highlight=False, markup=False, soft_wrap=True)
    out.rule(align="left")
    out.print(f"query {query_id}; fingerprint {writer.fingerprint}", highlight=False, markup=False)
