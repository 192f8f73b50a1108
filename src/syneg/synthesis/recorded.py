"""Negatives that were written elsewhere, read from a JSONL file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.lines import json_object, numbered_lines
from syneg.errors import InputError
from syneg.negatives.record import SYNTHETIC, Negative, negative_identity, to_table
from syneg.synthesis.text import tidy

_ATTRIBUTES = ("domain_name", "difficulty_level", "length")
_LINES_NAMED = 5

_Pairs = set[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    negative: Negative


@dataclass(frozen=True, slots=True)
class _Fault:
    line: int
    field: str
    value: str
    problem: str


def read_recorded_negatives(
    path: Path, dataset: RetrievalDataset, *, split: str = "train", skip_unknown: bool = False
) -> tuple[pa.Table, list[str]]:
    """Read synthetic negatives from a JSONL file.

    Each line is an object with query_id, positive_id and text, and optionally title,
    reasoning, check, attributes (domain_name, difficulty_level, length), model, prompt,
    difficulty, requirement (or broken_requirement) and rewritten_from (or candidate_id). A
    requirement stands for the reasoning where there is none. Other fields are passed over.
    White space in texts is normalised.

    Rows whose query and positive are not a training pair of `split` are left out, so that a
    query that was moved to a development or test split is never trained on. Of rows with the
    same query, positive and text the first is kept.

    Args:
        path: The file.
        dataset: What the ids refer to.
        split: The split that is trained on.
        skip_unknown: Leave out rows with unknown ids, or whose positive is not judged
            relevant to the query, instead of refusing the file.

    Returns:
        Rows with `NEGATIVE_SCHEMA` and source "llm", in the order of the file, and notes on
        what was left out. The ids depend on query, positive and text, not on the line.

    Raises:
        InputError: The file cannot be read, a line is not such an object, or (without
            `skip_unknown`) ids do not fit the data set.

    Example:
        >>> import tempfile
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d", "", "Air scatters blue light.")],
        ...     queries=[("q", "why is the sky blue")], qrels={"train": [("q", "d", 1)]})
        >>> path = Path(tempfile.mkdtemp()) / "negatives.jsonl"
        >>> _ = path.write_text('{"query_id": "q", "positive_id": "d", "text": "Fog is grey."}')
        >>> table, notes = read_recorded_negatives(path, data)
        >>> table["text"].to_pylist(), notes
        (['Fog is grey.'], [])
    """
    rows = [
        _Row(number, _negative(_Line(path, number), json_object(line, path, number)[0]))
        for number, line in numbered_lines(path)
    ]
    relevant = {one: _relevant_pairs(dataset, one, rows) for one in dataset.splits}
    training = relevant[split] if split in relevant else _relevant_pairs(dataset, split, rows)
    faults = _faults(rows, dataset, set().union(*relevant.values()))
    if faults and not skip_unknown:
        raise _refusal(path, faults)
    notes = []
    if faults:
        notes.append(f"{path.name}: left out {_summary(faults)}")
    bad_lines = {fault.line for fault in faults}
    known = [row.negative for row in rows if row.line not in bad_lines]
    trained = [one for one in known if (one.query_id, one.positive_id) in training]
    if len(trained) < len(known):
        notes.append(
            f"{path.name}: left out {_rows(len(known) - len(trained))} whose query and positive "
            f"are no pair of the split '{split}'"
        )
    unique = {one.negative_id: one for one in reversed(trained)}
    if len(unique) < len(trained):
        repeated = _rows(len(trained) - len(unique), "repeated ")
        notes.append(f"{path.name}: left out {repeated}")
    return to_table(reversed(unique.values())), notes


@dataclass(frozen=True, slots=True)
class _Line:
    path: Path
    number: int

    def refuse(self, problem: str, field: str, value: object, remedy: str) -> InputError:
        return InputError(
            problem, file=self.path, line=self.number, field=field, value=value, remedy=remedy
        )

    def optional(self, content: dict[str, Any], field: str) -> str | None:
        value = content.get(field)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.refuse("is no text", field, value, "write it as a JSON string")
        # JSON can hold halves of characters, which no column of text can.
        return value.encode("utf-8", "replace").decode("utf-8")

    def either(self, content: dict[str, Any], field: str, other: str) -> str | None:
        found = self.optional(content, field)
        return self.optional(content, other) if found is None else found

    def required(self, content: dict[str, Any], field: str) -> str:
        value = self.optional(content, field)
        if value is None:
            raise self.refuse("is missing", field, None, "add it, or leave out the line")
        if not tidy(value):
            raise self.refuse("is empty", field, value, "fill it, or leave out the line")
        return value

    def attributes(self, content: dict[str, Any]) -> list[str | None]:
        value = content.get("attributes")
        if value is not None and not isinstance(value, dict):
            remedy = f"write an object with {', '.join(_ATTRIBUTES)}, or leave it out"
            raise self.refuse("is no JSON object", "attributes", value, remedy)
        return [self.optional(value or {}, name) for name in _ATTRIBUTES]


def _negative(line: _Line, content: dict[str, Any]) -> Negative:
    query_id, positive_id = (line.required(content, name) for name in ("query_id", "positive_id"))
    text = tidy(line.required(content, "text"))
    requirement = line.either(content, "requirement", "broken_requirement")
    reasoning = line.optional(content, "reasoning") or requirement
    check = line.optional(content, "check")
    domain, level, length = line.attributes(content)
    return Negative(
        negative_id=negative_identity(query_id, positive_id, SYNTHETIC, text),
        query_id=query_id,
        positive_id=positive_id,
        source=SYNTHETIC,
        title=tidy(line.optional(content, "title") or ""),
        text=text,
        domain=domain,
        level=level,
        length=length,
        reasoning=None if reasoning is None else tidy(reasoning),
        check=None if check is None else tidy(check),
        model=line.optional(content, "model"),
        prompt=line.optional(content, "prompt"),
        difficulty=line.optional(content, "difficulty"),
        requirement=None if requirement is None else tidy(requirement),
        rewritten_from=line.either(content, "rewritten_from", "candidate_id"),
    )


def _relevant_pairs(dataset: RetrievalDataset, split: str, rows: list[_Row]) -> _Pairs:
    table = dataset.positives(split)
    asked = pa.array(
        list({row.negative.query_id for row in rows}), type=table.schema.field("query_id").type
    )
    table = table.filter(pc.is_in(table["query_id"], value_set=asked))
    return set(zip(table["query_id"].to_pylist(), table["doc_id"].to_pylist(), strict=True))


def _faults(rows: list[_Row], dataset: RetrievalDataset, relevant: _Pairs) -> list[_Fault]:
    queries = dataset.query_rows([row.negative.query_id for row in rows])
    documents = dataset.document_rows([row.negative.positive_id for row in rows])
    faults = []
    for row, query, document in zip(rows, queries, documents, strict=True):
        one = row.negative
        if query < 0:
            faults.append(_Fault(row.line, "query_id", one.query_id, "no query of the data set"))
        elif document < 0:
            faults.append(
                _Fault(row.line, "positive_id", one.positive_id, "no document of the corpus")
            )
        elif (one.query_id, one.positive_id) not in relevant:
            faults.append(
                _Fault(row.line, "positive_id", one.positive_id, "not judged relevant to its query")
            )
    return faults


def _rows(count: int, kind: str = "") -> str:
    return f"{count} {kind}{'row' if count == 1 else 'rows'}"


def _summary(faults: list[_Fault]) -> str:
    lines = ", ".join(str(fault.line) for fault in faults[:_LINES_NAMED])
    more = ", …" if len(faults) > _LINES_NAMED else ""
    counted = Counter(f"{fault.field}: {fault.problem}" for fault in faults)
    kinds = "; ".join(f"{count}× {kind}" for kind, count in counted.items())
    return f"{_rows(len(faults))} whose ids do not fit the data set ({kinds}; lines {lines}{more})"


def _refusal(path: Path, faults: list[_Fault]) -> InputError:
    first = faults[0]
    return InputError(
        _summary(faults),
        file=path,
        line=first.line,
        field=first.field,
        value=first.value,
        remedy="check that the file is of this data set, or leave such rows out with skip_unknown",
    )
