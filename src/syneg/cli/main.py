"""The entry point: commands, and what a user sees when something is wrong."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable

import typer
from rich.markup import escape

import syneg
from syneg.cli import console
from syneg.cli.commands import (
    chunk,
    demo,
    evaluate,
    mine,
    profile,
    prompt,
    queries,
    review,
    rewrite,
    stage,
    study,
    synthesize,
)
from syneg.errors import SynegError

app = typer.Typer(
    name="syneg",
    help="Train better retrieval models with hard negatives that a language model writes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(stage.command("run"))
app.command("demo")(demo.demo)
_STAGES: dict[str, Callable[..., None]] = {name: stage.command(name) for name in stage.STAGES}
_STAGES |= {"mine": mine.mine, "synthesize": synthesize.synthesize}
for _name, _command in _STAGES.items():
    app.command(_name)(_command)
app.command("evaluate")(evaluate.evaluate)
app.command("study")(study.study)
app.command("chunk")(chunk.chunk)
app.command("queries")(queries.queries)
app.command("rewrite")(rewrite.rewrite)
app.command("review")(review.review)
app.add_typer(prompt.app, name="prompt")
app.add_typer(profile.app, name="profile")


def _show_version(wanted: bool) -> None:
    if wanted:
        console.out.print(f"syneg {syneg.__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more on standard error."),
) -> None:
    """Read the options that stand before the command."""
    console.set_up_logging(logging.DEBUG if verbose else logging.INFO)


def main() -> None:
    """Run the command line; every error that a user can mend is one line and exit code 2."""
    # Nothing here needs the tokenizers' threads after a fork, and their warning is noise.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    # OpenMP's threads wait for each other by spinning; beside another busy program that makes
    # encoding and training several times slower, and alone a short spin costs nothing.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        app()
        code = 0
    except KeyboardInterrupt:
        code = console.say_interrupted()
    except SynegError as error:
        code = _fail(str(error))
    except OSError as error:
        code = _fail_of_system(error)
    except Exception as error:
        if not disk_is_full(error):
            raise
        code = _fail_of_system(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    sys.exit(code)


def disk_is_full(error: BaseException) -> bool:
    """Tell whether an error of a library means that a disk is full.

    safetensors, SQLite, Arrow and PyTorch wrap the system's error in words of their own.
    """
    text = str(error)
    signs = (os.strerror(errno.ENOSPC), "disk is full", "os error 28", "inline_container.cc")
    return any(sign in text for sign in signs)


def _fail(message: str) -> int:
    console.err.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    return 2


def _fail_of_system(error: OSError) -> int:
    if disk_is_full(error):
        return _fail(
            "the disk is full; free some space and run the same command again: what was done "
            "is kept"
        )
    place = f"{error.filename}: " if error.filename else ""
    return _fail(f"{place}{error.strerror or error}")
