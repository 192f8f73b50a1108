"""The gates that look at all synthetic texts at once, or at all mined negatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.files import value_hash
from syneg.filters.duplicates import find_duplicates
from syneg.filters.gates import FINE, Finding, check_format
from syneg.filters.hardness import hardness_findings
from syneg.filters.near_duplicates import find_near_duplicates
from syneg.filters.options import GateName, GateOptions
from syneg.filters.verdict_rows import KnownVerdicts, column_hash, verdict_rows

_BATCH = 4_096


def with_text(written: pa.Table) -> pa.Array:
    """Return the rows of the negatives that "format" does not drop."""
    kept: list[int] = []
    for start in range(0, written.num_rows, _BATCH):
        part = written.slice(start, _BATCH)
        columns = zip(part["text"].to_pylist(), part["problem"].to_pylist(), strict=True)
        found = (check_format(text, problem) for text, problem in columns)
        kept.extend(start + row for row, one in enumerate(found) if not one.drop)
    return pa.array(kept, pa.int64())


def set_verdicts(
    written: pa.Table,
    places: pa.Array,
    dataset: RetrievalDataset,
    options: GateOptions,
    gates: Sequence[GateName],
    before: KnownVerdicts,
    time: datetime,
) -> Iterator[pa.Table]:
    """Yield the verdicts of the gates that compare all texts with each other.

    Args:
        written: The synthetic negatives.
        places: From `with_text`.
        dataset: Whose documents no text may equal.
        options: Thresholds.
        gates: The gates that run.
        before: Earlier verdicts on `written`.
        time: Time of the new ones.
    """
    held = written.select(["negative_id", "text"]).take(places)
    ids, texts = one_array(held["negative_id"]), one_array(held["text"])
    everything = column_hash(held["negative_id"], held["text"])

    def verdicts(
        gate: GateName, inputs: str, find: Callable[[], Mapping[str, Finding]]
    ) -> pa.Table:
        fingerprint = f"{options.fingerprint(gate)}-{inputs}"
        latest = before.latest("fingerprint", gate)
        names = ids.to_pylist()
        todo = [
            name
            for name, place in zip(names, places.to_pylist(), strict=True)
            if latest[place] != fingerprint
        ]
        found = find() if todo else {}
        findings = [found.get(name, FINE) for name in todo]
        return verdict_rows(gate, todo, [fingerprint] * len(todo), findings, time)

    if "duplicate" in gates and len(ids):
        corpus = dataset.corpus
        inputs = value_hash([everything, column_hash(corpus["id"], corpus["text"])])
        yield verdicts("duplicate", inputs, lambda: find_duplicates(ids, texts, corpus))
    if "near-duplicate" in gates and len(ids):
        share, length = options.near_duplicate_share, options.near_duplicate_words
        yield verdicts(
            "near-duplicate",
            everything,
            lambda: find_near_duplicates(ids, texts, share=share, length=length),
        )


def hardness_verdicts(
    written: pa.Table,
    places: pa.Array,
    mined: pa.Table,
    positive_similarity: Mapping[tuple[str, str], float],
    options: GateOptions,
    before: KnownVerdicts,
    time: datetime,
) -> pa.Table:
    """Return the verdicts of the gate "hardness" that are not known yet.

    Args:
        written: The synthetic negatives.
        places: From `with_text`.
        mined: The mined negatives of the same queries.
        positive_similarity: Similarity of query and positive, by (query_id, positive_id).
        options: Thresholds.
        before: Earlier verdicts on `written`.
        time: Time of the new ones.
    """
    # What it depends on is small, and looked at again: only what comes out otherwise is new.
    fingerprint = options.fingerprint("hardness")
    held = written.take(places)
    findings = hardness_findings(held, mined, positive_similarity, options)
    latest = list(
        zip(
            *(before.latest(name, "hardness") for name in ("fingerprint", "score", "reason")),
            strict=True,
        )
    )
    names = held["negative_id"].to_pylist()
    todo = [
        (name, one)
        for name, one, place in zip(names, findings, places.to_pylist(), strict=True)
        if latest[place] != (fingerprint, one.score, one.reason)
    ]
    new = [name for name, _ in todo]
    return verdict_rows("hardness", new, [fingerprint] * len(new), [one for _, one in todo], time)


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, or as few as its type allows."""
    combined = column.combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined
