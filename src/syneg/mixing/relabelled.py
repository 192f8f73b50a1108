"""Negatives that turned out to be relevant, as positives for training only."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from syneg.negatives.pool import standing_decisions
from syneg.negatives.verdict import Decision

Pair = tuple[str, str]


def relabelled_pairs(
    negatives: pa.Table, verdicts: pa.Table, known: Iterable[Pair] = ()
) -> list[Pair]:
    """Return a training pair for every negative that a judge or a person calls relevant.

    The judgements of the data set are not touched: what is evaluated stays as it was. To take a
    false negative as a positive is better than to drop it (RLHN, arXiv 2505.16967).

    Args:
        negatives: The pool, columns of `NEGATIVE_SCHEMA`.
        verdicts: Columns of `VERDICT_SCHEMA`.
        known: Pairs that are trained on anyway.

    Returns:
        (query id, positive id), sorted and each once. The positive is the document of a mined
        negative, and the negative's own id where it is a synthetic text.

    Example:
        >>> from syneg.negatives.record import Negative, to_table
        >>> from syneg.negatives.verdict import Verdict, now, verdicts_to_table
        >>> pool = to_table([Negative(negative_id="n", query_id="q", positive_id="p",
        ...                           source="bm25", doc_id="d")])
        >>> judged = verdicts_to_table([Verdict(negative_id="n", filter="judge", fingerprint="f",
        ...                                     decision=Decision.RELABEL, time=now())])
        >>> relabelled_pairs(pool, judged)
        [('q', 'd')]
    """
    relevant = [
        negative_id
        for negative_id, decision in standing_decisions(verdicts).items()
        if decision is Decision.RELABEL
    ]
    ids = pa.array(relevant, negatives.schema.field("negative_id").type)
    rows = negatives.filter(pc.is_in(negatives["negative_id"], value_set=ids))
    rows = rows.filter(pc.or_(pc.is_valid(rows["doc_id"]), pc.is_valid(rows["text"])))
    positives = pc.coalesce(rows["doc_id"], rows["negative_id"])
    found = set(zip(rows["query_id"].to_pylist(), positives.to_pylist(), strict=True))
    return sorted(found - set(known))
