"""`syneg chunk`: a data set of long documents turned into one of chunks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syneg.cli.commands import options


def chunk(
    dataset: Annotated[
        Path,
        typer.Option("--dataset", help="BEIR folder, one with only a corpus, or a corpus file."),
    ],
    output: Annotated[Path, typer.Option("--output", help="The folder to make.")],
    most_words: Annotated[
        int, typer.Option("--most-words", help="Most words of a chunk, from 10.")
    ] = 200,
    overlap_words: Annotated[
        int,
        typer.Option("--overlap-words", help="Most words shared with the chunk before."),
    ] = 40,
    judgements: Annotated[
        str,
        typer.Option(
            "--judgements",
            help="Which chunks of a relevant document are judged relevant: 'best' (the one that "
            "fits the query best by BM25) or 'all'.",
        ),
    ] = "best",
    skip_unknown: options.SkipUnknown = False,
) -> None:
    """Cut long documents into chunks of whole sentences, and carry the judgements over.

    The document D becomes D#0, D#1, …; shorter ones stay as they are. Each chunk's metadata
    says where it stood, and chunks.parquet maps chunks to documents, so that a document can be
    ranked by its best chunk. Which chunk of a relevant document answers the query is not known:
    --judgements best guesses by BM25, --judgements all takes every one. The judgements as they
    were are kept in source_qrels.

    Examples:
      syneg chunk --dataset ./my-data --output ./my-chunks

      syneg chunk --dataset corpus.jsonl.gz --output ./my-chunks --most-words 120
    """
    from syneg.cli.console import ConsoleProgress, err, out, say_interrupted
    from syneg.datasets.chunking_folder import chunk_folder
    from syneg.datasets.chunking_judgements import JudgedChunks
    from syneg.errors import InputError

    if judgements not in list(JudgedChunks):
        raise InputError(
            "is not a way of judging chunks",
            field="--judgements",
            value=judgements,
            remedy=f"give {' or '.join(JudgedChunks)}",
        )
    try:
        summary = chunk_folder(
            dataset,
            output,
            most_words=most_words,
            overlap_words=overlap_words,
            judgements=JudgedChunks(judgements),
            skip_unknown=skip_unknown,
            progress=ConsoleProgress(),
        )
    except KeyboardInterrupt:
        raise typer.Exit(say_interrupted()) from None
    lines = [
        f"{summary.documents} documents became {summary.chunks}: {summary.cut} were longer than "
        f"{most_words} words and were cut."
    ]
    if summary.judgements:
        lines.append(
            f"{summary.judgements} judgements of documents became {summary.chunk_judgements} of "
            "chunks."
        )
    lines += [f"Note: {note}." for note in summary.notes]
    lines.append(f"Written to {output}")
    for line in lines:
        out.print(line, highlight=False, markup=False)
    if not summary.judgements:
        err.print(
            f"next: syneg queries --dataset {output} --llm URL --output DIR",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
