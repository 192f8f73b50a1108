"""What people decided about negatives, read from their file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.lines import json_object, numbered_lines
from syneg.errors import InputError, nearest
from syneg.files import value_hash
from syneg.negatives.verdict import Decision, Verdict, verdicts_to_table

REVIEW = "review"
"""Name of the filter in the verdicts of people."""

_DECISIONS = (Decision.KEEP.value, Decision.DROP.value, Decision.RELABEL.value)
_REQUIRED = ("negative_id", "decision", "reviewer")
_FINGERPRINT = value_hash([REVIEW, 1])

_Row = tuple[int, Mapping[str, Any]]


def read_reviews(path: Path, negatives: pa.Table) -> pa.Table:
    r"""Read the decisions of people about negatives.

    The file has one decision per line, as JSON objects (`.jsonl`, `.jsonl.gz`) or as a table
    with a header (`.csv`), with the fields negative_id, decision (keep, drop or relabel),
    reviewer, and optionally reason and time (ISO 8601; UTC where it names no zone). Other
    fields are passed over. Where the time is missing, it is that of the file. Of several
    decisions about one negative the latest counts, and at equal times the later line. A
    document that several sources proposed for a query is several negatives: a decision about
    one of them holds for all.

    Args:
        path: The file.
        negatives: The pool that the ids refer to, columns of `NEGATIVE_SCHEMA`.

    Returns:
        Rows with `VERDICT_SCHEMA`, in the order of the file; those about the same document
        follow one another.

    Raises:
        InputError: The file cannot be read, or a line has a wrong or missing field.

    Example:
        >>> import tempfile
        >>> from syneg.negatives.record import Negative, to_table
        >>> pool = to_table([Negative(negative_id="a", query_id="q", positive_id="p",
        ...                           source="llm", text="Fog is grey.")])
        >>> path = Path(tempfile.mkdtemp()) / "reviews.csv"
        >>> _ = path.write_text("negative_id,decision,reviewer\na,relabel,Ada\n")
        >>> read_reviews(path, pool).select(["negative_id", "decision", "reviewer"]).to_pylist()
        [{'negative_id': 'a', 'decision': 'relabel', 'reviewer': 'Ada'}]
    """
    kind = path.name.removesuffix(".gz")
    if kind.endswith(".jsonl"):
        rows: Iterator[_Row] = (
            (number, json_object(line, path, number)[0]) for number, line in numbered_lines(path)
        )
    elif path.suffix == ".csv":
        rows = _csv_rows(path)
    else:
        raise InputError(
            "has a name that says no format",
            file=path,
            remedy="name it .jsonl or .csv by what it holds",
        )
    found: list[Verdict] = []
    lines: list[int] = []
    written: datetime | None = None
    for number, row in rows:
        if written is None:
            written = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        found.append(_verdict(path, number, row, written))
        lines.append(number)
    _refuse_unknown(path, found, lines, negatives)
    same = _same_documents([one.negative_id for one in found], negatives)
    return verdicts_to_table(
        replace(one, negative_id=name)
        for one in found
        for name in same.get(one.negative_id, (one.negative_id,))
    )


def _same_documents(ids: list[str], negatives: pa.Table) -> dict[str, list[str]]:
    """Return, for each mined negative, all that are the same document for the same query."""
    columns = negatives.select(["query_id", "doc_id", "negative_id"])
    columns = columns.filter(pc.is_valid(columns["doc_id"]))
    values = pa.array(ids, columns.schema.field("negative_id").type)
    reviewed = columns.filter(pc.is_in(columns["negative_id"], value_set=values))
    for name in ("query_id", "doc_id"):
        columns = columns.filter(pc.is_in(columns[name], value_set=pc.unique(reviewed[name])))
    groups: dict[tuple[str, str], list[str]] = {}
    for query_id, doc_id, name in zip(*(one.to_pylist() for one in columns.columns), strict=True):
        groups.setdefault((query_id, doc_id), []).append(name)
    return {name: sorted(set(group)) for group in groups.values() for name in group}


def _verdict(path: Path, number: int, row: Mapping[str, Any], written: datetime) -> Verdict:
    texts = {name: _text(path, number, row, name) for name in (*_REQUIRED, "reason", "time")}
    negative_id, decision, reviewer = (texts[name] or "" for name in _REQUIRED)
    if decision not in _DECISIONS:
        close = nearest(decision.casefold(), _DECISIONS)
        hint = f"did you mean '{close}'? " if close else ""
        raise InputError(
            "is no decision",
            file=path,
            line=number,
            field="decision",
            value=decision,
            remedy=f"{hint}write {', '.join(_DECISIONS[:-1])} or {_DECISIONS[-1]}",
        )
    return Verdict(
        negative_id=negative_id,
        filter=REVIEW,
        fingerprint=_FINGERPRINT,
        decision=Decision(decision),
        reason=texts["reason"],
        reviewer=reviewer,
        time=written if texts["time"] is None else _time(path, number, texts["time"]),
    )


def _text(path: Path, number: int, row: Mapping[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is not None and not isinstance(value, str):
        raise InputError(
            "is no text",
            file=path,
            line=number,
            field=field,
            value=value,
            remedy="write it as a JSON string",
        )
    if value is not None and value.strip():
        return value.strip()
    if field in _REQUIRED:
        raise InputError(
            "is missing or empty",
            file=path,
            line=number,
            field=field,
            value=value,
            remedy="fill it, or leave out the line",
        )
    return None


def _time(path: Path, number: int, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(
            "is no time",
            file=path,
            line=number,
            field="time",
            value=text,
            remedy="write it like 2026-01-31T12:00:00+00:00, or leave it out",
        ) from None
    # The store keeps milliseconds.
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _refuse_unknown(
    path: Path, found: list[Verdict], lines: list[int], negatives: pa.Table
) -> None:
    ids = pa.array([one.negative_id for one in found], negatives.schema.field("negative_id").type)
    known = pc.is_in(ids, value_set=pc.unique(negatives["negative_id"])).to_pylist()
    unknown = [place for place, is_known in enumerate(known) if not is_known]
    if unknown:
        first = unknown[0]
        more = f" ({len(unknown)} lines name none)" if len(unknown) > 1 else ""
        raise InputError(
            f"the pool has no such negative{more}",
            file=path,
            line=lines[first],
            field="negative_id",
            value=found[first].negative_id,
            remedy="check that the file is about this run's negatives",
        )


def _csv_rows(path: Path) -> Iterator[_Row]:
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            while True:
                # A quoted cell may hold line breaks: a row is named by the line it begins on.
                line = reader.line_num + 1
                cells = next(reader, None)
                if cells is None:
                    return
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) > len(header):
                    raise InputError(
                        f"has {len(cells)} cells, more than the header's {len(header)}",
                        file=path,
                        line=line,
                        remedy='put cells that hold a comma between double quotes (")',
                    )
                yield line, dict(zip(header, cells, strict=False))
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not UTF-8 at byte {error.start}", file=path, remedy="save the file as UTF-8"
        ) from None
    except csv.Error as error:
        raise InputError(
            f"is no CSV: {error}", file=path, line=line, remedy="close every double quote"
        ) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=path) from None


def _check_header(path: Path, header: list[str]) -> None:
    for name in _REQUIRED:
        if name not in header:
            raise InputError(
                "is no column of the table",
                file=path,
                line=1,
                field=name,
                value=", ".join(header) or None,
                remedy=f"begin the file with the line {','.join((*_REQUIRED, 'reason'))}",
            )
