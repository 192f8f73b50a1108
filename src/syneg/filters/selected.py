"""Verdicts on mined negatives: what the rules of selection remove from a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.mining.candidates import EXCLUSIONS, Candidates, Positives
from syneg.mining.references import Reference
from syneg.mining.rules import Rule
from syneg.mining.selection import Selection, measures, select
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision, now

_NOTHING = pa.schema(
    [("query_id", pa.large_string()), ("source", pa.string()), ("left", pa.int64())]
).empty_table()


@dataclass(frozen=True)
class SelectedPool:
    """What the rules say of the mined negatives of a pool.

    Attributes:
        verdicts: Columns of `VERDICT_SCHEMA`; only what a rule removes has one.
        counts: For each query and source: query_id, source, candidates, how many each rule
            removed, and left.
        removed: How many each rule removed, by source.
    """

    verdicts: pa.Table
    counts: pa.Table
    removed: dict[str, dict[str, int]]

    def too_few(self, sources: Sequence[str], wanted: int) -> int:
        """Return how many queries have fewer than `wanted` negatives left from these sources.

        A document that two sources found counts twice.
        """
        counted = pc.is_in(self.counts["source"], value_set=pa.array(sources, pa.string()))
        left = self.counts.filter(counted).group_by("query_id").aggregate([("left", "sum")])
        return int(pc.sum(pc.less(left["left_sum"], wanted)).as_py() or 0)


def select_from_pool(
    negatives: pa.Table,
    positives: Positives,
    rules: Sequence[Rule],
    *,
    reference: Reference = Reference.NEAREST,
    seed: int = 0,
) -> SelectedPool:
    """Apply rules to the mined negatives of a pool, each query and source by itself.

    Verdicts are written for what is removed alone, with the rule's name as the filter and a
    fingerprint of its values: what nobody judged stands. Synthetic negatives are passed over:
    a good one differs from the positive in one point and is meant to be near.

    Args:
        negatives: Rows with `NEGATIVE_SCHEMA`; mined ones need a `query_similarity` where a
            rule compares.
        positives: Of the queries, with similarities where a rule compares with them; negatives
            of other queries are passed over.
        rules: From `parse_rules`; a sampler says how many it leaves (`top:30`).
        reference: Which positive negatives are held against.
        seed: Of what is drawn.

    Raises:
        InputError: A similarity that a rule compares is missing or no finite number.

    Example:
        >>> from syneg.mining.rules import parse_rules
        >>> from syneg.negatives.record import Negative, to_table
        >>> pool = to_table([
        ...     Negative(negative_id=doc_id, query_id="q", positive_id="p", source="dense",
        ...              doc_id=doc_id, rank=rank, query_similarity=similarity)
        ...     for rank, (doc_id, similarity) in enumerate([("a", 0.75), ("b", 0.5)], start=1)])
        >>> known = Positives(["q"], np.array([0, 1]), np.array([0]),
        ...                   np.array([0.76], np.float32))
        >>> found = select_from_pool(pool, known, parse_rules(["perc-pos:0.95"]))
        >>> found.verdicts["negative_id"].to_pylist(), found.verdicts["filter"].to_pylist()
        (['a'], ['perc-pos'])
        >>> found.counts["left"].to_pylist()
        [1]
    """
    mined = negatives.filter(pc.is_valid(negatives["doc_id"]))
    verdicts, counts, removed = [VERDICT_SCHEMA.empty_table()], [], {}
    for source in sorted(pc.unique(mined["source"]).to_pylist()):
        rows = mined.filter(pc.equal(mined["source"], source))
        done = select(
            _candidates(rows, source, positives), positives, rules, reference=reference, seed=seed
        )
        verdicts += _verdicts(rows, done, positives, reference, seed)
        counts.append(_counts(done, source))
        removed[source] = _removed(done)
    together = pa.concat_tables(counts) if counts else _NOTHING
    return SelectedPool(pa.concat_tables(verdicts), together, removed)


def _candidates(rows: pa.Table, source: str, positives: Positives) -> Candidates:
    """Return rows of a pool as candidates; `documents` are the rows' numbers in the table."""
    known = pa.array(positives.query_ids, pa.string())
    owners = pc.fill_null(pc.index_in(rows["query_id"], value_set=known), -1).to_numpy()
    inside = np.flatnonzero(owners >= 0)
    scores, ranks, similarities = (
        _numbers(rows[name])[inside] for name in ("score", "rank", "query_similarity")
    )
    # What has no rank of its own stands behind, in the order of the rows.
    places = np.where(np.isfinite(ranks), ranks, np.iinfo(np.int32).max)
    found = Candidates.from_rows(
        source, positives.query_ids, owners[inside], np.arange(len(inside)), scores, places
    )
    near = similarities[found.documents].astype(np.float32)
    compared = None if np.isnan(near).all() else near
    return replace(found, documents=inside[found.documents], similarities=compared)


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _verdicts(
    rows: pa.Table, done: Selection, positives: Positives, reference: Reference, seed: int
) -> list[pa.Table]:
    found = []
    code = len(EXCLUSIONS)
    for rule in done.rules:
        code += not rule.kind.sampler
        if rule.kind.sampler:
            gone = (done.removed_by == 0) & ~done.chosen
            reason = f"not among those that {rule.text} chooses"
        else:
            gone = done.removed_by == code
            reason = f"removed by {rule.text} ({rule.kind.what})"
        places = np.flatnonzero(gone)
        if not len(places):
            continue
        score = measures(done, positives, reference, rule)[places]
        ids = rows["negative_id"].take(pa.array(done.candidates.documents[places]))
        count = len(places)
        columns = {
            "negative_id": ids,
            "filter": pa.repeat(rule.name, count),
            "fingerprint": pa.repeat(rule.fingerprint(reference.value, seed), count),
            "decision": pa.repeat(Decision.DROP.value, count),
            "score": pa.array(score, pa.float64(), mask=~np.isfinite(score)),
            "reason": pa.repeat(reason, count),
            "reviewer": pa.nulls(count, pa.string()),
            "time": pa.repeat(pa.scalar(now(), VERDICT_SCHEMA.field("time").type), count),
        }
        found.append(pa.table(columns, schema=VERDICT_SCHEMA))
    return found


def _removed(done: Selection) -> dict[str, int]:
    found = {name: count for name, count in done.removed().items() if name not in EXCLUSIONS}
    for rule in done.rules:
        if rule.kind.sampler:
            found[rule.text] = int(((done.removed_by == 0) & ~done.chosen).sum())
    return found


def _counts(done: Selection, source: str) -> pa.Table:
    table = done.table().drop_columns([*EXCLUSIONS, "left", "missing"])
    table = table.rename_columns(
        ["left" if name == "chosen" else name for name in table.column_names]
    )
    return table.add_column(1, "source", pa.repeat(source, table.num_rows))
