"""The section with examples: a few queries, their positives and a negative of each source."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import join_title
from syneg.files import value_hash
from syneg.negatives.record import SYNTHETIC, Negative, from_table
from syneg.negatives.verdict import Decision, Verdict, verdicts_from_table
from syneg.reporting.finished import Finished, source_label
from syneg.reporting.text import excerpt, similarity

_QUERIES = 3
_ACCEPTED_FIRST = 2
_DECISIONS = {
    Decision.KEEP: "kept",
    Decision.DROP: "dropped",
    Decision.MARK: "marked",
    Decision.RELABEL: "judged relevant",
}


@dataclass(frozen=True)
class Shown:
    """A negative as the report shows it.

    Attributes:
        source: What the source is called.
        text: Its beginning; empty where a language model's answer held none.
        problem: Why there is no text.
        similarity: Cosine to the query.
        use: Whether it was trained on, accepted or dropped.
        verdicts: (filter, decision in words, reason) by filter.
        attributes: (name, value) of what was asked of the language model.
        remarks: (name, text) that the language model wrote beside it.
    """

    source: str
    text: str
    problem: str
    similarity: str
    use: str
    verdicts: list[tuple[str, str, str]]
    attributes: list[tuple[str, str]]
    remarks: list[tuple[str, str]]


@dataclass(frozen=True)
class Example:
    """A query, one of its positives and a negative of each source."""

    query_id: str
    query: str
    positive: str
    negatives: list[Shown]


def examples(finished: Finished) -> list[Example]:
    """Return the examples; the same run always has the same ones.

    Queries with an accepted synthetic negative come first, and where there is one, the last
    is a query whose synthetic negative was dropped.
    """
    chosen = _chosen_queries(finished)
    table = finished.negatives
    mask = pc.is_in(table["query_id"], value_set=pa.array(chosen, pa.string()))
    accepted = pa.chunked_array([pa.array(finished.accepted)]).filter(mask).to_pylist()
    rows = from_table(table.filter(mask))
    used = finished.used_ids()
    by_query: dict[str, list[tuple[Negative, bool]]] = defaultdict(list)
    for one, stands in zip(rows, accepted, strict=True):
        by_query[one.query_id].append((one, stands))
    verdicts = _verdicts(finished, [one.negative_id for one in rows])
    return [_example(finished, key, by_query[key], used, verdicts) for key in chosen]


def _chosen_queries(finished: Finished) -> list[str]:
    synthetic = finished.of_source(SYNTHETIC)
    ids = finished.negatives["query_id"]
    accepted = _in_order(finished, ids.filter(pa.array(synthetic & finished.accepted)))
    dropped = _in_order(finished, ids.filter(pa.array(synthetic & ~finished.accepted)))
    others = _in_order(finished, finished.mixture["query_id"])
    first = accepted[:_ACCEPTED_FIRST]
    alone = [key for key in dropped if key not in set(accepted)][:1]
    wanted = dict.fromkeys([*first, *alone, *accepted, *dropped, *others])
    return list(wanted)[:_QUERIES]


def _in_order(finished: Finished, ids: pa.ChunkedArray) -> list[str]:
    # By hash: neither the first rows of a file nor a lucky hand decides what is shown.
    seed = finished.config.seed
    found: list[str] = pc.unique(ids).to_pylist()
    return sorted(found, key=lambda query_id: value_hash([seed, "example", query_id]))


def _verdicts(finished: Finished, ids: list[str]) -> dict[str, list[Verdict]]:
    mask = pc.is_in(finished.verdicts["negative_id"], value_set=pa.array(ids, pa.string()))
    latest: dict[tuple[str, str, str | None], Verdict] = {}
    for one in verdicts_from_table(finished.verdicts.filter(mask)):
        key = (one.negative_id, one.filter, one.reviewer)
        if key not in latest or latest[key].time <= one.time:
            latest[key] = one
    by_negative: dict[str, list[Verdict]] = defaultdict(list)
    for one in latest.values():
        by_negative[one.negative_id].append(one)
    return by_negative


def _example(
    finished: Finished,
    query_id: str,
    negatives: list[tuple[Negative, bool]],
    used: Counter[str],
    verdicts: dict[str, list[Verdict]],
) -> Example:
    # What was trained on tells most, then what could have been, then the nearest.
    ranked = sorted(
        negatives,
        key=lambda pair: (
            not used[pair[0].negative_id],
            not pair[1],
            not pair[0].text,
            pair[0].rank or 0,
            pair[0].negative_id,
        ),
    )
    first: dict[str, tuple[Negative, bool]] = {}
    for one, stands in ranked:
        first.setdefault(one.source, (one, stands))
    positive_id = _positive(finished, query_id, first)
    shown = [
        _shown(finished, *first[source], bool(used[first[source][0].negative_id]), verdicts)
        for source in sorted(first, key=lambda source: (source != SYNTHETIC, source))
    ]
    return Example(
        query_id=query_id,
        query=excerpt(finished.dataset.query_texts([query_id])[0]),
        positive=_document(finished, positive_id),
        negatives=shown,
    )


def _positive(
    finished: Finished, query_id: str, first: dict[str, tuple[Negative, bool]]
) -> str | None:
    if SYNTHETIC in first:
        return first[SYNTHETIC][0].positive_id
    mask = pc.equal(finished.mixture["query_id"], query_id)
    trained: list[str] = finished.mixture["positive_id"].filter(mask).to_pylist()
    known = trained or [one.positive_id for one, _ in first.values()]
    return known[0] if known else None


def _shown(
    finished: Finished,
    one: Negative,
    stands: bool,
    used: bool,
    verdicts: dict[str, list[Verdict]],
) -> Shown:
    names = (("domain", one.domain), ("level", one.level), ("length", one.length))
    remarks = (("reasoning", one.reasoning), ("the model's own check", one.check))
    if one.doc_id is None:
        text = excerpt(join_title(one.title, one.text)) if one.text else ""
    else:
        text = _document(finished, one.doc_id)
    return Shown(
        source=source_label(one.source),
        text=text,
        problem=excerpt(one.problem, 200),
        similarity=similarity(one.query_similarity),
        use="trained on" if used else "accepted, not drawn" if stands else "dropped",
        verdicts=[_in_words(verdict) for verdict in verdicts.get(one.negative_id, [])],
        attributes=[(name, excerpt(value, 80)) for name, value in names if value],
        remarks=[(name, excerpt(value)) for name, value in remarks if value],
    )


def _in_words(verdict: Verdict) -> tuple[str, str, str]:
    name = verdict.filter
    if verdict.reviewer is not None:
        name = f"{name}, {excerpt(verdict.reviewer, 40)}"
    return name, _DECISIONS[verdict.decision], excerpt(verdict.reason, 200)


def _document(finished: Finished, doc_id: str | None) -> str:
    row = -1 if doc_id is None else int(finished.dataset.document_rows([doc_id])[0])
    return excerpt(finished.dataset.document_texts([row])[0]) if row >= 0 else ""


def document_excerpts(finished: Finished, ids: list[str]) -> dict[str, str]:
    """Return the beginnings of documents by id; ids that are not in the corpus are left out."""
    rows = finished.dataset.document_rows(ids)
    known: list[Any] = [(key, int(row)) for key, row in zip(ids, rows, strict=True) if row >= 0]
    texts = finished.dataset.document_texts([row for _, row in known])
    return {key: excerpt(text) for (key, _), text in zip(known, texts, strict=True)}
