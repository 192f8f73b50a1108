"""`syneg profile`: the attribute pools and the definition of relevance of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syneg.cli.commands import options

app = typer.Typer(
    no_args_is_help=True,
    help="What relevance and style mean in a collection, and the attributes drawn for each call.",
)


@app.command("list")
def list_profiles() -> None:
    """List the profiles that come with syneg.

    Example:
      syneg profile list
    """
    from syneg.cli.console import out
    from syneg.synthesis.profile import load_profile, packaged_profiles

    for name in packaged_profiles():
        out.print(f"{name:10} {load_profile(name).style}", highlight=False, markup=False)


@app.command("suggest")
def suggest(
    dataset: Annotated[
        str, typer.Option("--dataset", help="BEIR folder, 'pydocs' (built in), or 'hub:NAME'.")
    ],
    llm: Annotated[
        str,
        typer.Option(
            "--llm",
            help="Who proposes it: 'local', or the URL of any OpenAI-compatible server.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", help="The YAML file to write.")],
    llm_model: options.LanguageModelName = None,
    documents: Annotated[
        int, typer.Option("--documents", min=1, help="Documents that are shown.")
    ] = 8,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of what is shown.")] = 0,
    offline: options.Offline = False,
    skip_unknown: options.SkipUnknown = False,
) -> None:
    """Have a language model propose a profile from a few documents and queries, for you to edit.

    Then: syneg run --set synthesis.profile=FILE …

    Example:
      syneg profile suggest --dataset ./my-data --llm http://127.0.0.1:8000/v1 --output my.yaml
    """
    import tempfile

    from syneg.cli.console import ConsoleProgress, err, out
    from syneg.datasets.load import load_dataset
    from syneg.errors import InputError
    from syneg.files import write_text
    from syneg.llm.exchange import replay
    from syneg.pipeline.config import load_config
    from syneg.pipeline.manifest import Manifest
    from syneg.pipeline.run import Run
    from syneg.pipeline.stages.asking import WRITING, ask, journal_of, language_model_of
    from syneg.synthesis.suggestion import suggest_profile

    if output.exists():
        raise InputError("exists already", file=output, remedy="give another --output")
    data = load_dataset(dataset, skip_unknown=skip_unknown, offline=offline)
    suggestion = suggest_profile(data, documents=documents, seed=seed)
    config = load_config(
        values={"llm.server": llm, "llm.model": llm_model, "offline": offline or None}
    )
    with tempfile.TemporaryDirectory(prefix="syneg-profile-") as name:
        run = Run(Path(name), config, Manifest(Path(name), config), ConsoleProgress())
        with journal_of(run) as journal, language_model_of(run) as model:
            ask(run, model, journal, [suggestion], total=1, task=WRITING)
            answers = replay(suggestion, journal, model.name).answers
    write_text(output, suggestion.text(answers))
    out.print(f"Written to {output}", highlight=False, markup=False)
    err.print(
        "Read it before you use it: a wrong definition of relevance makes relevant texts into "
        f"negatives. next: syneg run --dataset {dataset} --set synthesis.profile={output}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
