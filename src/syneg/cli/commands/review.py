"""`syneg review`: what people decided about negatives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def review(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSONL or CSV with negative_id, decision (keep, drop or relabel), reviewer, and "
            "optionally reason and time."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", help="The run folder.")],
) -> None:
    """Take people's decisions about negatives into a run; they outweigh every filter.

    The judge of false negatives measures itself on them where there are enough.

    Example:
      syneg review reviews.csv --output runs/first
    """
    from syneg.cli.console import err, out
    from syneg.pipeline.reviewing import add_reviews

    count, trained = add_reviews(output, file)
    out.print(f"{count} verdicts of people were taken in.", highlight=False)
    if trained:
        err.print(
            "A model was trained on this run's mixture already; it stays as it is.",
            highlight=False,
        )
    else:
        err.print(f"next: syneg mix --output {output}", highlight=False, markup=False)
