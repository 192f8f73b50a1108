"""Queries for a corpus: generated, checked, sent on a round trip, and written as a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from syneg.errors import InputError
from syneg.files import write_json, write_table
from syneg.llm.engine import EngineSummary
from syneg.llm.journal import Journal
from syneg.progress import Progress, SilentProgress
from syneg.synthesis.queries_answers import written_queries
from syneg.synthesis.queries_asking import AskingOptions, ask_for_queries
from syneg.synthesis.queries_corpus import (
    TRAIN,
    QueryCorpus,
    recorded_examples,
    training_examples,
    unseen_documents,
)
from syneg.synthesis.queries_judging import Origin, judged, with_columns, written_table
from syneg.synthesis.queries_options import QueryOptions
from syneg.synthesis.queries_output import (
    GENERATED,
    JOURNAL,
    SUMMARY,
    TEST,
    begin_folder,
    held_out_documents,
    refuse_ids_of_no_line,
    write_folder,
)
from syneg.synthesis.queries_prompt import QueryExample, QueryPrompt
from syneg.synthesis.queries_requests import ChosenDocuments, QueryRequests, choose_documents
from syneg.synthesis.round_trip import BM25Retriever, Retriever

RetrieverMaker = Callable[[QueryCorpus], Retriever]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueriesSummary:
    """What became of the queries.

    Attributes:
        model: Who wrote them.
        documents: Documents that queries were asked for.
        answered: Those that have an answer.
        generated: Queries that came.
        dropped: How many were dropped, by reason (see `Drop`).
        kept: How many were kept, by split.
        carried: Splits of the data set that were taken over.
        notes: What a person should know about the result, one sentence each.
    """

    model: str
    documents: int
    answered: int
    generated: int
    dropped: dict[str, int]
    kept: dict[str, int]
    carried: list[str]
    notes: list[str]


def generate_queries(
    corpus: QueryCorpus,
    output: Path,
    asking: AskingOptions,
    options: QueryOptions | None = None,
    *,
    examples_file: Path | None = None,
    exclude_splits: Sequence[str] | None = None,
    keep_train: bool = False,
    retriever: RetrieverMaker | None = None,
    progress: Progress | None = None,
) -> QueriesSummary:
    """Generate queries for a corpus and write a BEIR folder that can be trained on.

    Every answer is in the journal before it is read: the same call goes on where another one
    stopped, a call with more documents asks for the new ones only, and one that differs only in
    what is kept asks nothing. For a corpus that has grown give another folder and the journal
    of the first.

    Args:
        corpus: From `read_query_corpus`.
        output: A folder that is not there yet, or that an earlier call made.
        asking: Whom to ask.
        options: How many queries, of which types, and which are kept.
        examples_file: JSON lines with `query` and `text`, shown in the prompt; None takes
            queries of the training split, where there is one.
        exclude_splits: Documents that are relevant in these get no query; None means in all
            splits but "train", and "none" alone means no split.
        keep_train: Take the training queries that there are into the new training split.
        retriever: Makes what the round trip is made with; None for BM25.
        progress: Shows what is being done.

    Returns:
        What was generated, dropped and kept, also in `queries.json`.

    Raises:
        InputError: Something in the input is wrong, the server stops answering, or no query
            is left (what was generated is in `queries.parquet` then).
    """
    options = options or QueryOptions()
    refuse_ids_of_no_line(corpus)
    dataset = corpus.dataset
    unseen, splits = unseen_documents(dataset, exclude_splits)
    # What a judged chunk says may stand in the one beside it too.
    unseen = corpus.with_siblings(unseen)
    examples = _examples(corpus, options, examples_file, unseen)
    chosen = choose_documents(
        dataset,
        seed=options.seed,
        most=options.documents,
        fewest_words=options.fewest_document_words,
        excluded=unseen,
    )
    prompt = QueryPrompt(options, examples)
    requests = QueryRequests(dataset, chosen.rows, prompt, seed=options.seed)
    fingerprint = dataset.fingerprint()
    begin_folder(output, fingerprint)
    with Journal(asking.journal or output / JOURNAL) as journal:
        model, asked = ask_for_queries(
            requests,
            journal,
            asking,
            folder=output,
            progress=progress or SilentProgress(),
        )
        written = written_queries(requests, journal, model)
        table = written_table(written, Origin(model, prompt.fingerprint))
    answered = pc.count_distinct(table["request"]).as_py()
    finder = retriever(corpus) if retriever else BM25Retriever(dataset)
    depth = max(options.depth, options.top)
    table = judged(table, dataset, finder, top=options.top, depth=depth)
    table = _with_splits(table, corpus, options)
    carried = [one for one in dataset.splits if one != TRAIN or keep_train]
    summary = QueriesSummary(
        model=model,
        documents=len(requests),
        answered=answered,
        generated=table.num_rows - table["text"].null_count,
        dropped=_counts(table["dropped"]),
        kept=_counts(table["split"]),
        carried=carried,
        notes=[
            *corpus.notes,
            *_notes_on_documents(chosen, splits),
            *_notes_on_answers(len(requests) - answered, asked),
            *_notes_on_result(table, dataset.splits),
        ],
    )
    if not summary.kept:
        write_table(output / GENERATED, table)
        raise _nothing_left(summary, output, _notes_on_answers(len(requests) - answered, asked))
    write_folder(corpus, table, output, carried=carried)
    settings = {**options.model_dump(mode="json"), "examples": len(examples)}
    write_json(
        output / SUMMARY, {"dataset": fingerprint, "settings": settings, "summary": asdict(summary)}
    )
    return summary


def _examples(
    corpus: QueryCorpus, options: QueryOptions, file: Path | None, unseen: set[str]
) -> list[QueryExample]:
    if file is not None:
        return recorded_examples(file, count=options.shots, seed=options.seed)
    return training_examples(corpus.dataset, count=options.shots, seed=options.seed, barred=unseen)


def _with_splits(table: pa.Table, corpus: QueryCorpus, options: QueryOptions) -> pa.Table:
    kept = table.filter(pc.is_null(table["dropped"]))
    held: set[str] = set()
    if TEST not in corpus.dataset.splits:
        sources = corpus.sources_of(set(kept["doc_id"].to_pylist()))
        held = held_out_documents(sources, share=options.test_share, seed=options.seed)
    columns = zip(table["doc_id"].to_pylist(), table["dropped"].to_pylist(), strict=True)
    splits = [
        None if dropped is not None else TEST if doc_id in held else TRAIN
        for doc_id, dropped in columns
    ]
    return with_columns(table, {"split": splits})


def _notes_on_documents(chosen: ChosenDocuments, splits: Sequence[str]) -> list[str]:
    notes = []
    if chosen.excluded:
        notes.append(
            f"{chosen.excluded} documents got no query because they are relevant in "
            f"{' or '.join(splits)}, or parts or copies of such: what is trained on must not hold "
            "what is measured"
        )
    if chosen.too_short:
        notes.append(f"{chosen.too_short} documents got no query because they say too little")
    if chosen.repeated:
        notes.append(f"{chosen.repeated} documents got no query because another has the same words")
    if chosen.wanted is not None and chosen.wanted > len(chosen.rows):
        notes.append(
            f"{chosen.wanted} documents were asked for, and there are only {len(chosen.rows)}"
        )
    return notes


def _notes_on_answers(unanswered: int, asked: EngineSummary | None) -> list[str]:
    if not unanswered:
        return []
    kinds = ", ".join(sorted(kind.value for kind in asked.failed)) if asked else ""
    why = f" ({kinds})" if kinds else ""
    if asked is not None and asked.stopped_by_budget:
        option, what = _OPTION_OF_LIMIT[asked.stopped_by or "seconds"]
        return [f"{unanswered} documents got no answer {what}; give more with {option}"]
    return [
        f"{unanswered} documents got no answer{why}; the same command asks for them again, with "
        "--retry-failed also for those that were refused"
    ]


def _notes_on_result(table: pa.Table, splits: Sequence[str]) -> list[str]:
    notes = []
    if TEST in splits:
        notes.append("the test split is the one that the data set had; all kept queries are train")
    else:
        notes.append(
            "the test queries are generated too: they measure how well a model finds documents "
            "for queries such as this language model writes, not for those of people; judge a "
            "few dozen real queries before you rely on the figures"
        )
    training = pc.unique(table.filter(pc.equal(table["split"], TRAIN))["doc_id"])
    if len(training) < _FEWEST_TRAINED:
        notes.append(f"only {len(training)} documents have a training query: too few to train on")
    return notes


_OPTION_OF_LIMIT = {
    "seconds": ("--seconds", "in time"),
    "cost": ("--max-cost", "for the money"),
    "tokens": ("--max-tokens", "within the tokens"),
}
# A development split is held out of them, and a batch needs several.
_FEWEST_TRAINED = 8


def _nothing_left(summary: QueriesSummary, output: Path, missing: Sequence[str]) -> InputError:
    if not summary.answered:
        return InputError("nothing was answered", file=output, remedy="; ".join(missing))
    reasons = ", ".join(f"{count} {reason}" for reason, count in summary.dropped.items())
    return InputError(
        f"no query is left of {summary.generated} that were generated for {summary.answered} "
        f"documents ({reasons})",
        file=output / GENERATED,
        remedy="look at the reasons there; a larger --top or another language model may help",
    )


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    return dict(sorted(Counter(column.drop_null().to_pylist()).items()))
