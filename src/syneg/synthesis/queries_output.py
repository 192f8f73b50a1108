"""The folder that `syneg queries` makes: a BEIR folder, and all that was generated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.chunking_folder import CHUNKS
from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.files import read_json, replacing, write_json, write_table
from syneg.synthesis.attributes import draw_number
from syneg.synthesis.queries_corpus import QueryCorpus

TEST = "test"
SUMMARY = "queries.json"
JOURNAL = "journal.sqlite"
GENERATED = "queries.parquet"
GENERATED_SCHEMA = pa.schema(
    [
        ("query_id", pa.large_string()),
        ("doc_id", pa.large_string()),
        ("type", pa.large_string()),
        ("text", pa.large_string()),
        ("split", pa.large_string()),
        ("dropped", pa.large_string()),
        ("detail", pa.large_string()),
        ("rank", pa.int32()),
        ("raw_rank", pa.int32()),
        ("retriever", pa.large_string()),
        ("model", pa.large_string()),
        ("prompt", pa.large_string()),
        ("request", pa.large_string()),
    ]
)
"""One row for every query that was asked for and answered; `split` is null where it was
dropped, and `dropped` and `detail` then say why."""

_METADATA = {"source": "doc_id", "type": "type", "rank": "rank", "retriever": "retriever",
             "model": "model", "prompt": "prompt"}  # fmt: skip


def begin_folder(output: Path, fingerprint: str) -> None:
    """Make the folder, or make sure that it holds queries for the same data set.

    Args:
        output: The folder.
        fingerprint: The data set's, from `RetrievalDataset.fingerprint`.

    Raises:
        InputError: The folder holds something else.
    """
    if output.exists() and not output.is_dir():
        raise InputError("is a file, not a folder", file=output, remedy="choose another --output")
    mark = output / SUMMARY
    # A process that was killed may have left a file that never became whole.
    present = sorted(
        path.name
        for path in (output.iterdir() if output.exists() else ())
        if not path.name.endswith(".partial")
    )
    if not present:
        write_json(mark, {"dataset": fingerprint})
        return
    try:
        known = read_json(mark)["dataset"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"holds '{present[0]}', and is no folder of generated queries",
            file=output,
            remedy="choose another --output, or remove it",
        ) from None
    if known != fingerprint:
        raise InputError(
            "holds queries that were generated for another data set, or this one was changed",
            file=output,
            remedy="choose another --output; if the corpus has grown, give it --journal "
            f"{output / JOURNAL} too, and only what is new is asked",
        )


def refuse_ids_of_no_line(corpus: QueryCorpus) -> None:
    """Make sure, before anything is asked, that judgements can name all queries and documents.

    Raises:
        InputError: An id has a tab, a line break or outer spaces.
    """
    for table, kind in ((corpus.dataset.corpus, "document"), (corpus.dataset.queries, "query")):
        for chunk in table["id"].chunks:
            bad = pc.match_substring_regex(chunk, r"^\s|[\t\n\r]|\s$")
            first = pc.index(bad, pa.scalar(True)).as_py()
            if first >= 0:
                raise InputError(
                    f"the id of a {kind} does not fit a line of tab-separated values",
                    file=corpus.corpus_file,
                    field="_id",
                    value=chunk[first].as_py(),
                    remedy="use ids without tabs, line breaks and outer spaces",
                )


def held_out_documents(sources: Mapping[str, str], *, share: float, seed: int) -> set[str]:
    """Return the documents whose queries become the test split.

    Chunks of one document are on one side. Each document is drawn by the seed and its id
    alone, so it stays on its side when others are added; but neither side is left empty where
    there are two documents.

    Args:
        sources: For every document with a query, the document that it is a part of.
        share: Share of the test split, from 0 to 1.
        seed: Another seed, another draw.

    Example:
        >>> sorted(held_out_documents({"a#0": "a", "a#1": "a", "b": "b"}, share=0.01, seed=0))
        ['b']
    """
    draws = {one: draw_number(seed, one, "split") / 2**64 for one in set(sources.values())}
    order = sorted(draws, key=lambda one: (draws[one], one))
    chosen = {one for one in order if draws[one] < share}
    if len(order) > 1:
        chosen = (chosen or set(order[:1])) - set(order[-1:] if len(chosen) == len(order) else ())
    return {doc_id for doc_id, source in sources.items() if source in chosen}


def write_folder(
    corpus: QueryCorpus, generated: pa.Table, output: Path, *, carried: Collection[str]
) -> None:
    """Write corpus, queries, judgements and the table of all that was generated.

    Args:
        corpus: What the queries were generated for.
        generated: Columns of `GENERATED_SCHEMA`.
        output: The folder, begun by `begin_folder`.
        carried: The splits of the data set whose queries and judgements are taken over.
    """
    write_table(output / GENERATED, generated)
    if corpus.corpus_file is None:
        _write_lines(output / "corpus.jsonl", _corpus_lines(corpus.dataset))
    else:
        _copy(corpus.corpus_file, output / _corpus_name(corpus.corpus_file))
    if corpus.chunks_file is not None:
        _copy(corpus.chunks_file, output / CHUNKS)
    kept = generated.filter(pc.is_valid(generated["split"]))
    _write_lines(output / "queries.jsonl", _query_lines(corpus.dataset, kept, carried))
    splits = {*carried, *kept["split"].to_pylist()}
    for split in splits:
        lines = _judgement_lines(corpus.dataset, kept, split, carried)
        _write_lines(output / "qrels" / f"{split}.tsv", lines)
    for path in (output / "qrels").glob("*.tsv"):
        # Left from an earlier call, with other options.
        if path.stem not in splits:
            path.unlink()


def _corpus_name(path: Path) -> str:
    return "corpus.jsonl.gz" if path.suffix == ".gz" else "corpus.jsonl"


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def _corpus_lines(dataset: RetrievalDataset) -> Iterator[str]:
    for row in _rows(dataset.corpus):
        yield _line({"_id": row["id"], "title": row["title"], "text": row["text"]})


def _query_lines(
    dataset: RetrievalDataset, kept: pa.Table, carried: Collection[str]
) -> Iterator[str]:
    ids = dict.fromkeys(one for split in carried for one in dataset.query_ids(split))
    texts = dataset.query_texts(list(ids)) if ids else []
    for query_id, text in zip(ids, texts, strict=True):
        yield _line({"_id": query_id, "text": text, "metadata": {}})
    for row in _rows(kept):
        metadata = {name: row[column] for name, column in _METADATA.items()}
        metadata["generated"] = True
        yield _line({"_id": row["query_id"], "text": row["text"], "metadata": metadata})


def _judgement_lines(
    dataset: RetrievalDataset, kept: pa.Table, split: str, carried: Collection[str]
) -> Iterator[str]:
    yield "query-id\tcorpus-id\tscore\n"
    if split in carried:
        for row in _rows(dataset.judgements(split)):
            yield f"{row['query_id']}\t{row['doc_id']}\t{row['grade']}\n"
    for row in _rows(kept.filter(pc.equal(kept["split"], split))):
        yield f"{row['query_id']}\t{row['doc_id']}\t1\n"


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=8192):
        yield from batch.to_pylist()


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(lines)
