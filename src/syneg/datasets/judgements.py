"""Judgements checked against the corpus and the queries that they speak of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.columns import Sourced
from syneg.datasets.dataset import QRELS_SCHEMA, RetrievalDataset
from syneg.errors import InputError

# "1" and "1.0" are whole numbers; nine digits always fit the grade's 32 bits.
_WHOLE = r"^[+-]?[0-9]{1,9}(\.0*)?$"
_SHOWN_LINES = 5

_FINE, _MALFORMED, _BAD_SCORE, _UNKNOWN_QUERY, _UNKNOWN_DOCUMENT = range(5)
# For each kind of bad row: its column, the field's name, what is wrong, and how it is counted.
_KINDS = {
    _MALFORMED: (
        "score",
        None,
        "the row is not a query id, a document id and a score",
        "without the three columns",
    ),
    _BAD_SCORE: ("score", "score", "is not a whole number", "whose score is no whole number"),
    _UNKNOWN_QUERY: ("query_id", "query-id", "is not among the queries", "of unknown queries"),
    _UNKNOWN_DOCUMENT: ("doc_id", "corpus-id", "is not in the corpus", "of unknown documents"),
}


def checked_judgements(
    data: RetrievalDataset, part: Sourced, *, skip_unknown: bool = False
) -> tuple[pa.Table, list[str]]:
    """Return a split's judgements in `QRELS_SCHEMA`, and notes on what was left out.

    A judgement given twice with the same grade is kept once, with a note.

    Args:
        data: The corpus and the queries (its own judgements are not looked at).
        part: Columns `query_id`, `doc_id`, `score` as text; a null id marks a row that could
            not be taken apart.
        skip_unknown: Leave out rows of unknown queries or documents or with a score that is
            not a whole number, with a note, instead of raising.

    Raises:
        InputError: There are bad rows (all counted, the first described), two grades for the
            same query and document, or no relevant document.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats.")], queries=[("q1", "What purrs?")], qrels={})
        >>> ids = {"query_id": ["q1", "q1"], "doc_id": ["d1", "d7"]}
        >>> rows = Sourced(pa.table({**ids, "score": ["1", "0"]}), "test")
        >>> table, notes = checked_judgements(data, rows, skip_unknown=True)
        >>> table.num_rows, notes
        (1, ['test: 1 judgement left out: 1 of unknown documents'])
    """
    table = part.table
    grades = _grades(table["score"])
    documents = data.document_rows(_text(table["doc_id"]))
    queries = data.query_rows(_text(table["query_id"]))
    kinds = np.select(
        [
            _nulls(table["query_id"]) | _nulls(table["doc_id"]),
            _nulls(grades),
            queries < 0,
            documents < 0,
        ],
        [_MALFORMED, _BAD_SCORE, _UNKNOWN_QUERY, _UNKNOWN_DOCUMENT],
        default=_FINE,
    )
    notes: list[str] = []
    bad = np.flatnonzero(kinds)
    if len(bad):
        if not skip_unknown or (kinds == _MALFORMED).any():
            raise _bad_rows(part, kinds, bad)
        what = "judgement" if len(bad) == 1 else "judgements"
        notes.append(f"{part.file}: {len(bad)} {what} left out: {_counts(kinds)}")
    kept = np.flatnonzero(kinds == _FINE)
    known = grades.take(pa.array(kept)).to_numpy()
    pairs = queries[kept] * data.corpus.num_rows + documents[kept]
    firsts = _first_of_each(part, kept, pairs, known)
    if len(firsts) < len(kept):
        notes.append(f"{part.file}: {len(kept) - len(firsts)} judgements given twice, kept once")
    return _assembled(part, kept[firsts], known[firsts]), notes


def _grades(scores: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(_text(scores))
    whole = pc.fill_null(pc.match_substring_regex(trimmed, _WHOLE), False)
    digits = pc.replace_substring_regex(trimmed, r"^\+|\.0*$", "")
    return pc.if_else(whole, digits, pa.scalar(None, pa.large_string())).cast(pa.int32())


def _first_of_each(
    part: Sourced,
    kept: npt.NDArray[np.int64],
    pairs: npt.NDArray[np.int64],
    grades: npt.NDArray[np.int32],
) -> npt.NDArray[np.int64]:
    _, firsts, inverse = np.unique(pairs, return_index=True, return_inverse=True)
    differing = np.flatnonzero(grades != grades[firsts][inverse])
    if len(differing):
        second = int(differing[0])
        first = int(firsts[inverse[second]])
        file, line = part.place(int(kept[second]))
        raise InputError(
            f"the same query and document have another grade, {grades[first]}, in {part.unit} "
            f"{part.number(int(kept[first]))}",
            file=file,
            line=line,
            field="score",
            value=int(grades[second]),
            remedy="keep one of the two",
        )
    return np.sort(firsts)


def _assembled(
    part: Sourced, rows: npt.NDArray[np.int64], grades: npt.NDArray[np.int32]
) -> pa.Table:
    if not (grades > 0).any():
        raise InputError(
            "no document is judged relevant (a score above 0)",
            file=part.file,
            remedy="remove the split, or give it a judgement that can be used",
        )
    taken = part.table.select(["query_id", "doc_id"]).take(pa.array(rows))
    return taken.append_column("grade", pa.array(grades, pa.int32())).cast(QRELS_SCHEMA)


def _bad_rows(
    part: Sourced, kinds: npt.NDArray[np.int64], bad: npt.NDArray[np.int64]
) -> InputError:
    first = int(bad[0])
    column, field, problem, _ = _KINDS[int(kinds[first])]
    shown = ", ".join(str(part.number(int(row))) for row in bad[:_SHOWN_LINES])
    more = ", …" if len(bad) > _SHOWN_LINES else ""
    several = f"{part.unit}s" if len(bad) > 1 else part.unit
    remedy = f"{len(bad)} bad rows in all ({several} {shown}{more}): {_counts(kinds)}; "
    if (kinds == _MALFORMED).any():
        tabs = ", separated by tabs" if part.lines is not None else ""
        remedy += f"write query-id, corpus-id and score in each{tabs}"
    else:
        remedy += "remove them, or go on without them with --skip-unknown"
    file, line = part.place(first)
    value = part.table[column][first].as_py()
    return InputError(problem, file=file, line=line, field=field, value=value, remedy=remedy)


def _counts(kinds: npt.NDArray[np.int64]) -> str:
    parts: Sequence[tuple[int, str]] = [
        (int((kinds == kind).sum()), words) for kind, (*_, words) in _KINDS.items()
    ]
    return ", ".join(f"{count} {words}" for count, words in parts if count)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.large_string())


def _nulls(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(), dtype=np.bool_)
