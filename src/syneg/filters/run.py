"""Running the gates: from synthetic negatives to verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.context import Contexts
from syneg.filters.false_negatives import false_negative_verdicts
from syneg.filters.gates import Finding
from syneg.filters.options import GATES, GateName, GateOptions
from syneg.filters.set_gates import hardness_verdicts, one_array, set_verdicts, with_text
from syneg.filters.text_gates import TEXT_GATES, Subject, TextGates
from syneg.filters.verdict_rows import WITHDRAWN, KnownVerdicts, verdict_rows
from syneg.filters.yields import Acceptance, GateYield, acceptance, gate_yield
from syneg.negatives.verdict import VERDICT_SCHEMA, now

__all__ = [
    "Acceptance",
    "GateYield",
    "acceptance",
    "false_negative_verdicts",
    "gate_yield",
    "judge_synthetic",
]

_BATCH = 4_096
_COLUMNS = [
    "negative_id", "query_id", "positive_id", "title", "text", "problem", "check",
    "query_similarity",
]  # fmt: skip


def judge_synthetic(
    negatives: pa.Table,
    dataset: RetrievalDataset,
    options: GateOptions | None = None,
    *,
    split: str = "train",
    mined: pa.Table | None = None,
    positive_similarity: Mapping[tuple[str, str], float] | None = None,
    known: pa.Table | None = None,
) -> pa.Table:
    """Put every synthetic negative through the gates.

    All gates judge each negative, whatever the others found, so that the report can tell
    what each of them costs; only what has no text is judged by "format" alone. Give all
    synthetic negatives of the pool at once: "duplicate" and "near-duplicate" compare them
    with each other.

    Args:
        negatives: Rows with `NEGATIVE_SCHEMA`; those with a doc_id, which are mined, are not
            judged.
        dataset: The data set that they were written for.
        options: Thresholds, and which gates run.
        split: Split whose judgements say which documents must not be copied.
        mined: The mined negatives of the same queries, for "corpus-copy" and "hardness";
            None takes those among `negatives`.
        positive_similarity: Similarity of query and positive under the starting model, by
            (query_id, positive_id), for "hardness"; pairs may be missing.
        known: Earlier verdicts, rows with `VERDICT_SCHEMA`. A gate passes over what it has
            judged with the same settings and the same texts.

    Returns:
        Rows with `VERDICT_SCHEMA`, first the gates' rows of `known`, untouched, then the new
        ones, by gate, query and id. A gate that has verdicts in `known` but does not run any
        more takes them back with a row that keeps the negative.

    Raises:
        InputError: A query, document or split is not in the data set.

    Example:
        >>> from syneg.negatives.record import Negative, to_table
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("p", "", "Air scatters blue light.")],
        ...     queries=[("q", "why is the sky blue")], qrels={"train": [("q", "p", 1)]})
        >>> pool = to_table([Negative(negative_id="a", query_id="q", positive_id="p",
        ...                           source="llm", text="Air scatters blue light!")])
        >>> verdicts = judge_synthetic(pool, data)
        >>> verdicts.filter(pc.equal(verdicts["decision"], "drop"))["filter"].to_pylist()
        ['copy', 'duplicate']
        >>> judge_synthetic(pool, data, known=verdicts).equals(verdicts)
        True
    """
    options = options or GateOptions()
    written = _written(negatives)
    if mined is None:
        mined = negatives.filter(pc.is_valid(negatives["doc_id"]))
    ids = one_array(written["negative_id"])
    before = KnownVerdicts(VERDICT_SCHEMA.empty_table() if known is None else known, GATES, ids)
    gates = [gate for gate in GATES if gate == "format" or gate in options.gates]
    places = with_text(written)
    time = now()
    new = [
        *_text_verdicts(written, mined, dataset, options, split, gates, before, time),
        *set_verdicts(written, places, dataset, options, gates, before, time),
    ]
    if "hardness" in gates:
        similarity = positive_similarity or {}
        new.append(hardness_verdicts(written, places, mined, similarity, options, before, time))
    new += [_taken_back(gate, ids, before, time) for gate in GATES if gate not in gates]
    # The sort is stable, and each gate's rows are in the order of the pool.
    added = pa.concat_tables([VERDICT_SCHEMA.empty_table(), *new])
    places = pc.index_in(added["filter"], value_set=pa.array(GATES))
    added = added.take(pc.sort_indices(places))
    return pa.concat_tables([before.rows.cast(VERDICT_SCHEMA), added]).combine_chunks()


def _written(negatives: pa.Table) -> pa.Table:
    """Return what gates read of the synthetic negatives, each once, sorted by query and id."""
    written = negatives.filter(pc.is_null(negatives["doc_id"])).select(_COLUMNS)
    # Rows in another order are copied, and more than 2 GB of text need the large type.
    large = [
        pa.field(one.name, pa.large_string() if one.type == pa.string() else one.type)
        for one in written.schema
    ]
    written = written.cast(pa.schema(large))
    rows = pa.array(np.arange(written.num_rows))
    first = pa.table({"id": written["negative_id"], "row": rows}).group_by("id")
    written = written.take(first.aggregate([("row", "min")])["row_min"])
    return written.sort_by([("query_id", "ascending"), ("negative_id", "ascending")])


def _text_verdicts(
    written: pa.Table,
    mined: pa.Table,
    dataset: RetrievalDataset,
    options: GateOptions,
    split: str,
    gates: Sequence[GateName],
    before: KnownVerdicts,
    time: datetime,
) -> Iterator[pa.Table]:
    """Yield the verdicts of the gates that judge one text at a time."""
    chosen = [gate for gate in TEXT_GATES if gate in gates]
    if not written.num_rows:
        return
    most = options.corpus_copy_candidates if "corpus-copy" in gates else 0
    contexts = Contexts(
        written, dataset, split, copy_words=options.copy_words, mined=mined, most_candidates=most
    )
    judge = TextGates(dataset, options, chosen)
    columns = ["negative_id", "positive_id", "title", "text", "problem", "check"]
    for start in range(0, written.num_rows, _BATCH):
        part = written.slice(start, _BATCH)
        latest = {gate: before.latest("fingerprint", gate, start, part.num_rows) for gate in chosen}
        new: dict[GateName, list[tuple[str, str, Finding]]] = {gate: [] for gate in chosen}
        surroundings = contexts.of(part["query_id"].to_pylist())
        rows = zip(part.select(columns).to_pylist(), surroundings, strict=True)
        # One text after the other, so that what was worked out for it can be forgotten.
        for place, (row, context) in enumerate(rows):
            one = Subject(**row, context=context)
            for gate in chosen if not one.format.drop else chosen[:1]:
                fingerprint = judge.fingerprint(gate, one)
                if fingerprint != latest[gate][place]:
                    new[gate].append((one.negative_id, fingerprint, judge.finding(gate, one)))
        for gate, found in new.items():
            yield verdict_rows(gate, *_columns(found), time)


def _columns(
    found: Sequence[tuple[str, str, Finding]],
) -> tuple[list[str], list[str], list[Finding]]:
    ids, fingerprints, findings = zip(*found, strict=True) if found else ((), (), ())
    return list(ids), list(fingerprints), list(findings)


def _taken_back(gate: GateName, ids: pa.Array, before: KnownVerdicts, time: datetime) -> pa.Table:
    """Return a row for each verdict of a gate that does not run any more."""
    latest = before.latest("fingerprint", gate)
    names = [
        name
        for name, last in zip(ids.to_pylist(), latest, strict=True)
        if last not in (None, WITHDRAWN)
    ]
    finding = Finding(False, None, "this gate does not run any more")
    return verdict_rows(gate, names, [WITHDRAWN] * len(names), [finding] * len(names), time)
