"""The options of `syneg mine`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[
    Path | None,
    typer.Option("--output", help="The run folder; with --to, the file to write."),
]
Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="random, bm25, dense, fusion:bm25+dense, run:FILE, judged or earlier:FILE; "
        "repeatable (default by itself: dense).",
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        help="A rule: rank:1-30, perc-pos:0.95, margin:0.05, margin-relative:0.05, "
        "similarity-max:0.8, similarity-min:0.2, score-max:…, score-min:…; last, if any, one "
        "that chooses: top, random, simans:a=0.5,b=0. Repeatable (default: perc-pos:0.95).",
    ),
]
ReferenceName = Annotated[
    str | None,
    typer.Option(
        "--reference",
        help="Which of several positives candidates are held against: nearest (default), "
        "first, farthest or mean.",
    ),
]
Depth = Annotated[
    int | None,
    typer.Option("--depth", min=1, help="Candidates per query and source (default: 100)."),
]
Language = Annotated[
    str | None,
    typer.Option("--language", help="Of BM25's stemmer and stop words (default: english)."),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        help="By itself, without a run folder: st, st-triplet, flagembedding, tevatron, "
        "tevatron-older, trec or jsonl.",
    ),
]
Negatives = Annotated[
    int | None,
    typer.Option("--negatives", min=1, help="With --to: for each query (default: 4)."),
]
Split = Annotated[
    str | None, typer.Option("--split", help="With --to: whose queries (default: train).")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="With --to: of all that is drawn.")]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="With --to: where vectors and candidates are kept (default: the folder "
        "syneg-cache beside the output).",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="With --to: auto (default: bfloat16 where it is fast), float32 or bfloat16.",
    ),
]
MaxLength = Annotated[
    int | None,
    typer.Option("--max-length", min=8, help="With --to: most tokens read of a text."),
]
Pooling = Annotated[
    str | None,
    typer.Option(
        "--pooling",
        help="With --to: cls, mean or last, for a plain Transformers model (default: mean; last "
        "for language models).",
    ),
]
Dimensions = Annotated[
    int | None,
    typer.Option(
        "--dimensions", min=1, help="With --to: keep the first so many dimensions of the vectors."
    ),
]
QueryPrompt = Annotated[
    str | None,
    typer.Option("--query-prompt", help="With --to: put before every query."),
]
DocumentPrompt = Annotated[
    str | None,
    typer.Option("--document-prompt", help="With --to: put before every document."),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="With --to: for example cuda:0 or cpu (default: every GPU there is, each of which "
        "encodes a part).",
    ),
]
Search = Annotated[
    str | None,
    typer.Option(
        "--search",
        help="With --to: how the vectors are searched: auto (default: exact up to a million "
        "documents), exact, or with FAISS flat, ivf or hnsw, whose recall is told.",
    ),
]
Siblings = Annotated[
    bool | None,
    typer.Option(
        "--siblings",
        help="With --to: other chunks of a positive's document may be negatives too.",
    ),
]
Explain = Annotated[
    str | None,
    typer.Option("--explain", help="Show a query's candidates and what became of each."),
]
