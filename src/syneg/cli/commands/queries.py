"""`syneg queries`: training and test queries for a corpus that has none, or too few."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syneg.cli.commands import options

if TYPE_CHECKING:
    from rich.table import Table

    from syneg.synthesis.queries import QueriesSummary, RetrieverMaker
    from syneg.synthesis.queries_options import QueryOptions


def queries(
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            help="A corpus: corpus.jsonl, a folder that holds one (a BEIR folder, with or "
            "without queries), 'pydocs' or 'hub:NAME'.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", help="The folder to make; the same one goes on.")
    ],
    llm: Annotated[
        list[str],
        typer.Option(
            "--llm",
            help="Who writes: 'local', or the URL of any OpenAI-compatible server; repeat it for "
            "several servers of one model. The key is read from SYNEG_LLM_API_KEY or "
            "OPENAI_API_KEY.",
        ),
    ],
    llm_model: options.LanguageModelName = None,
    documents: Annotated[
        int | None,
        typer.Option("--documents", min=1, help="Only so many documents, drawn by the seed."),
    ] = None,
    per_document: Annotated[
        int, typer.Option("--per-document", min=1, max=20, help="Queries for each document.")
    ] = 1,
    types: Annotated[
        str, typer.Option("--types", help="What to draw from, evenly, separated by commas.")
    ] = "question,keyword,claim,title-like",
    examples: Annotated[
        Path | None,
        typer.Option(
            "--examples",
            help="JSONL file with query and text, shown to the model (default: queries of the "
            "training split).",
        ),
    ] = None,
    shots: Annotated[int, typer.Option("--shots", min=0, max=32, help="Most examples shown.")] = 4,
    top: Annotated[
        int,
        typer.Option("--top", min=1, help="Keep a query if it finds its document so far up."),
    ] = 3,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Encoder that searches instead of BM25: 'minilm', a folder, or 'hub:NAME'.",
        ),
    ] = None,
    exclude_split: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude-split",
            help="Write nothing for documents that are relevant in this split; repeatable "
            "(default: every split but train; 'none' for no split).",
        ),
    ] = None,
    test_share: Annotated[
        float | None,
        typer.Option(
            "--test-share",
            min=0.001,
            max=0.999,
            help="Share of the documents whose queries become the test split, where the data "
            "set has none (default: 0.2).",
        ),
    ] = None,
    keep_train: Annotated[
        bool,
        typer.Option("--keep-train", help="Keep the training queries that there are, too."),
    ] = False,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, max=2, help="Sampling temperature.")
    ] = 0.7,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all that is drawn.")] = 0,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Most requests at once at each server.")
    ] = 8,
    prices: options.PricesOption = None,
    max_cost: options.MaxCost = None,
    max_tokens: options.MaxTokens = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal",
            help="The file of answers (default: journal.sqlite in the output). With that of an "
            "earlier output, a corpus that has grown costs only what is new.",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=1, help="Time that the model may write.")
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Ask again what was refused or failed earlier."),
    ] = False,
    offline: options.Offline = False,
    skip_unknown: options.SkipUnknown = False,
    trust_remote_code: options.TrustRemoteCode = False,
) -> None:
    """Let a language model write queries for the documents of a corpus.

    A query is kept if it finds its document again (the round trip), is no copy, stands alone,
    is in the document's language and is written for one document only. All that was generated
    is in queries.parquet, with its rank and why it was dropped.

    The output is a data set that `syneg run` takes. Where the data set has no test split, the
    queries of a fifth of the documents become one: they are generated too, and measure how
    well documents are found for such queries, not for those of people.

    The command can be stopped at any moment; the same one goes on and asks nothing twice.

    Examples:
      syneg queries --dataset corpus.jsonl --llm http://127.0.0.1:8000/v1 --output ./my-data

      syneg queries --dataset ./my-corpus --llm local --documents 20 --output ./trial
    """
    from syneg.cli.console import ConsoleProgress, err, out, say_interrupted
    from syneg.errors import InputError
    from syneg.llm.prices import Limits, Prices
    from syneg.synthesis.queries import generate_queries
    from syneg.synthesis.queries_asking import AskingOptions
    from syneg.synthesis.queries_corpus import read_query_corpus

    values = {
        "documents": documents,
        "per_document": per_document,
        "types": types,
        "shots": shots,
        "top": top,
        "test_share": test_share,
        "temperature": temperature,
        "seed": seed,
    }
    chosen = _options(values)
    priced = options.read_prices(prices)
    asking = AskingOptions(
        server=llm[0],
        endpoints=tuple(llm[1:]),
        model=llm_model,
        concurrency=concurrency,
        seconds=seconds,
        prices=Prices(
            input_per_million=priced["llm.input_price"],
            output_per_million=priced["llm.output_price"],
        )
        if priced
        else None,
        limits=Limits(cost=max_cost, tokens=max_tokens),
        journal=journal,
        offline=offline,
        retry_failed=retry_failed,
    )
    corpus = read_query_corpus(dataset, skip_unknown=skip_unknown, offline=offline)
    if test_share is not None and "test" in corpus.dataset.splits:
        raise InputError(
            "the data set has a test split of its own",
            field="--test-share",
            value=test_share,
            remedy="leave the option away",
        )
    maker = None if model is None else _dense(model, output, trust_remote_code, offline)
    try:
        summary = generate_queries(
            corpus,
            output,
            asking,
            chosen,
            examples_file=examples,
            exclude_splits=exclude_split,
            keep_train=keep_train,
            retriever=maker,
            progress=ConsoleProgress(),
        )
    except KeyboardInterrupt:
        raise typer.Exit(say_interrupted()) from None
    out.print(_table(summary))
    for note in summary.notes:
        out.print(f"Note: {note}.", highlight=False, markup=False)
    out.print(f"Written to {output}", highlight=False, markup=False)
    err.print(
        f"next: syneg run --dataset {output} --output RUN",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _options(values: dict[str, Any]) -> QueryOptions:
    from syneg.errors import InputError, nearest
    from syneg.synthesis.queries_options import QueryOptions, QueryType

    names = [one.strip() for one in values["types"].split(",") if one.strip()]
    known = [one.value for one in QueryType]
    for name in names:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean '{close}'? " if close else ""
            raise InputError(
                "is no type of query",
                field="--types",
                value=name,
                remedy=f"{hint}there are {', '.join(known)}",
            )
    if not names:
        raise InputError("names no type", field="--types", remedy=f"there are {', '.join(known)}")
    given = {name: value for name, value in values.items() if value is not None}
    return QueryOptions(**{**given, "types": tuple(dict.fromkeys(names))})


def _dense(model: str, output: Path, trust_remote_code: bool, offline: bool) -> RetrieverMaker:
    from syneg.cli.console import ConsoleProgress
    from syneg.encoders.encoder import load_encoder
    from syneg.evaluation.retrieve import corpus_vectors
    from syneg.synthesis.queries_corpus import QueryCorpus
    from syneg.synthesis.round_trip import DenseRetriever, Retriever

    # Loaded now: a name that is wrong is told before anything is asked and paid for.
    encoder = load_encoder(model, trust_remote_code=trust_remote_code, offline=offline)

    def make(corpus: QueryCorpus) -> Retriever:
        place = output / "embeddings"
        data = corpus.dataset
        vectors = corpus_vectors(data, data.fingerprint(), encoder, place, ConsoleProgress())
        return DenseRetriever(encoder, vectors, model)

    return make


def _table(summary: QueriesSummary) -> Table:
    from rich.table import Table

    table = Table(title=f"Queries by {summary.model}", title_justify="left")
    table.add_column("")
    table.add_column("count", justify="right")
    unanswered = summary.documents - summary.answered
    rows = [
        ("documents asked for", summary.documents),
        *([("documents without an answer", unanswered)] if unanswered else []),
        ("queries generated", summary.generated),
        *((f"dropped: {reason}", count) for reason, count in summary.dropped.items()),
        *((f"kept: {split}", count) for split, count in summary.kept.items()),
    ]
    for name, count in rows:
        table.add_row(name, str(count))
    return table
