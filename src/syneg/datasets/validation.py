"""The checks that every reader shares: from columns of text to a sound data set."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.columns import Sourced
from syneg.datasets.dataset import CORPUS_SCHEMA, QUERIES_SCHEMA, RetrievalDataset
from syneg.datasets.judgements import checked_judgements
from syneg.errors import InputError

_LOG = logging.getLogger(__name__)


def checked_dataset(
    name: str,
    corpus: Sourced,
    queries: Sourced,
    qrels: Mapping[str, Sourced],
    *,
    skip_unknown: bool = False,
    notes: Iterable[str] = (),
) -> RetrievalDataset:
    """Build a data set from what a reader found, or say what is wrong with it.

    Args:
        name: Short name for reports.
        corpus: Columns `id`, `title`, `text`; no nulls.
        queries: Columns `id`, `text`; no nulls.
        qrels: By split, columns `query_id`, `doc_id`, `score`; a null id marks a row that
            could not be taken apart, whose `score` then holds what stood there.
        skip_unknown: Leave out judgements of unknown queries or documents, and those whose
            score is not a whole number, with a note, instead of raising.
        notes: Oddities that the reader counted itself.

    Returns:
        The data set; its notes are also logged as warnings.

    Raises:
        InputError: An id is empty or occurs twice; a query, or a document that is relevant
            to one, has no text; a judgement cannot be used; a split has no relevant document.

    Example:
        >>> data = checked_dataset(
        ...     "tiny",
        ...     Sourced(pa.table({"id": ["d1"], "title": [""], "text": ["Cats purr."]}), "c"),
        ...     Sourced(pa.table({"id": ["q1"], "text": ["What purrs?"]}), "q"),
        ...     {"test": Sourced(
        ...         pa.table({"query_id": ["q1"], "doc_id": ["d1"], "score": ["1"]}), "r")})
        >>> data.positives("test").num_rows
        1
    """
    for part, what in ((corpus, "document"), (queries, "query")):
        _check_ids(part, what)
    _check_query_texts(queries)
    # One chunk a column: picking rows out of many chunks is slow.
    data = RetrievalDataset(
        name,
        corpus.table.combine_chunks().cast(CORPUS_SCHEMA),
        queries.table.combine_chunks().cast(QUERIES_SCHEMA),
        {},
    )
    found = list(notes)
    tables: dict[str, pa.Table] = {}
    for split, part in qrels.items():
        tables[split], more = checked_judgements(data, part, skip_unknown=skip_unknown)
        found.extend(more)
    blank = np.flatnonzero(_blank(data.corpus["title"]) & _blank(data.corpus["text"]))
    if len(blank):
        _check_blank_documents(data.with_qrels(tables), corpus, blank)
        found.append(f"{corpus.file}: {len(blank)} documents have neither title nor text")
    for note in found:
        _LOG.warning("%s", note)
    return RetrievalDataset(name, data.corpus, data.queries, tables, tuple(found))


def _check_ids(part: Sourced, what: str) -> None:
    ids = part.table["id"]
    if not len(ids):
        raise InputError(f"holds no {what}", file=part.file, remedy=f"add at least one {what}")
    empty = np.flatnonzero(_blank(ids))
    if len(empty):
        file, line = part.place(int(empty[0]))
        raise InputError(
            f"the {what} has an empty id", file=file, line=line, remedy="give it a name"
        )
    # Codes count up in order of first appearance: one that does not raise the highest code
    # so far belongs to an id met before.
    codes = pa.concat_arrays(ids.chunks).dictionary_encode().indices.to_numpy()
    highest = np.maximum.accumulate(codes)
    repeats = np.flatnonzero(codes[1:] <= highest[:-1]) + 1
    if len(repeats):
        second = int(repeats[0])
        first = int(np.flatnonzero(codes == codes[second])[0])
        file, line = part.place(second)
        raise InputError(
            f"this {what} id was given before, in {part.unit} {part.number(first)}; "
            f"{len(repeats)} ids are repeated in all",
            file=file,
            line=line,
            field="_id",
            value=ids[second].as_py(),
            remedy=f"give each {what} its own id, or remove the repetition",
        )


def _check_query_texts(queries: Sourced) -> None:
    empty = np.flatnonzero(_blank(queries.table["text"]))
    if len(empty):
        row = int(empty[0])
        file, line = queries.place(row)
        raise InputError(
            f"the query '{queries.table['id'][row].as_py()}' has no text "
            f"({len(empty)} such queries in all)",
            file=file,
            line=line,
            field="text",
            remedy="write its text, or remove it and its judgements",
        )


def _check_blank_documents(
    data: RetrievalDataset, corpus: Sourced, blank: npt.NDArray[np.int64]
) -> None:
    for split in data.splits:
        relevant = data.document_rows(data.positives(split)["doc_id"])
        hit = relevant[np.isin(relevant, blank)]
        if len(hit):
            row = int(hit[0])
            file, line = corpus.place(row)
            raise InputError(
                f"the document '{data.document_ids([row])[0]}' has neither title nor text, "
                f"but it is relevant to a query of the split '{split}'",
                file=file,
                line=line,
                field="text",
                remedy="write its text, or remove its judgements",
            )


def _blank(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(column)), 0)
    return np.asarray(blank.to_numpy(), dtype=np.bool_)
