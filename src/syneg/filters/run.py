"""Running the filters: from negatives to verdicts, and from verdicts to the yield."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset, join_title
from syneg.filters.context import Context, with_contexts
from syneg.filters.duplicates import find_duplicates
from syneg.filters.false_negatives import false_negative_verdicts
from syneg.filters.gates import (
    Finding,
    check_copy,
    check_format,
    check_length,
    check_repetition,
    check_self_check,
)
from syneg.filters.options import GATES, GateName, GateOptions
from syneg.filters.telltale import check_telltale, ordinary_phrases
from syneg.negatives.pool import standing_decisions
from syneg.negatives.record import Negative, from_table
from syneg.negatives.verdict import Decision, Verdict, now, verdicts_to_table

__all__ = ["GateYield", "acceptance", "false_negative_verdicts", "gate_yield", "judge_synthetic"]


@dataclass(frozen=True, slots=True)
class GateYield:
    """What one filter cost.

    Attributes:
        gate: Name of the filter.
        judged: Negatives that it judged.
        dropped: Negatives that it would drop.
        dropped_first: Negatives that it dropped and no filter before it did; these add up
            to all that filters dropped.
    """

    gate: str
    judged: int
    dropped: int
    dropped_first: int


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How many negatives stand after all verdicts.

    Attributes:
        proposed: Different negatives.
        accepted: Those that stand; one that nobody judged stands.
    """

    proposed: int
    accepted: int

    @property
    def rate(self) -> float:
        """Share of the proposed that stands, in [0, 1]; 0 when none was proposed."""
        return self.accepted / self.proposed if self.proposed else 0.0


@dataclass(frozen=True, slots=True)
class _Pool:
    """What is known of all texts at once."""

    duplicates: Mapping[str, Finding]
    ordinary: frozenset[str]


def judge_synthetic(
    negatives: pa.Table,
    dataset: RetrievalDataset,
    options: GateOptions | None = None,
    *,
    split: str = "train",
) -> pa.Table:
    """Put every synthetic negative through the gates.

    All gates judge each negative, whatever the others found, so that the report can tell
    what each of them costs; only what has no text is judged by "format" alone. Mined
    negatives (those with a doc_id) are passed over. Give all synthetic negatives of the pool
    at once: "duplicate" compares them with each other.

    Args:
        negatives: Rows with `NEGATIVE_SCHEMA`.
        dataset: The data set that they were written for.
        options: Thresholds, and which gates run.
        split: Split whose judgements say which documents must not be copied.

    Returns:
        Rows with `VERDICT_SCHEMA`, one per negative and gate, sorted by query.

    Raises:
        InputError: A query, positive or split is not in the data set.
    """
    options = options or GateOptions()
    synthetic = from_table(negatives.filter(pc.is_null(negatives["doc_id"])))
    unique = {one.negative_id: one for one in synthetic}
    gates = [gate for gate in GATES if gate == "format" or gate in options.gates]
    fingerprints = {gate: options.fingerprint(gate) for gate in gates}
    texts = {key: one.text for key, one in unique.items() if one.text is not None}
    pool = _Pool(
        find_duplicates(texts, dataset.corpus) if "duplicate" in gates else {},
        ordinary_phrases(dataset, options) if "telltale" in gates else frozenset(),
    )
    time = now()
    verdicts = []
    for one, context in with_contexts(unique.values(), dataset, split, options.copy_words):
        for gate in gates:
            finding = _finding(gate, one, context, pool, options)
            verdicts.append(
                Verdict(
                    negative_id=one.negative_id,
                    filter=gate,
                    fingerprint=fingerprints[gate],
                    decision=Decision.DROP if finding.drop else Decision.KEEP,
                    score=finding.score,
                    reason=finding.reason,
                    time=time,
                )
            )
            if gate == "format" and finding.drop:
                break
    return verdicts_to_table(verdicts)


def _finding(
    gate: GateName,
    one: Negative,
    context: Context,
    pool: _Pool,
    options: GateOptions,
) -> Finding:
    text = one.text or ""
    match gate:
        case "format":
            return check_format(one.text, one.problem)
        case "length":
            whole = join_title(one.title, text)
            return check_length(whole, context.relevant[one.positive_id], options)
        case "copy":
            return check_copy(text, context.query, context.relevant_runs, options)
        case "repetition":
            return check_repetition(text, options)
        case "telltale":
            surroundings = [context.query, *context.relevant.values()]
            return check_telltale(
                f"{one.title or ''}\n{text}", surroundings, options, pool.ordinary
            )
        case "duplicate":
            return pool.duplicates[one.negative_id]
        case "self-check":
            return check_self_check(one.check)


def gate_yield(negatives: pa.Table, verdicts: pa.Table) -> list[GateYield]:
    """Count what each filter dropped, in the order in which failures are attributed.

    The order is that of `GATES`, then other filters as they appear. Verdicts of persons are
    not counted here; they do count in `acceptance`.

    Args:
        negatives: Rows with `NEGATIVE_SCHEMA`; verdicts on others are passed over.
        verdicts: Rows with `VERDICT_SCHEMA`; of several by one filter the latest counts.

    Example:
        >>> from syneg.negatives.record import to_table
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("p", "", "Air scatters blue light.")],
        ...     queries=[("q", "why is the sky blue")], qrels={"train": [("q", "p", 1)]})
        >>> pool = to_table([Negative(negative_id="a", query_id="q", positive_id="p",
        ...                           source="llm", problem="cut off")])
        >>> gate_yield(pool, judge_synthetic(pool, data))
        [GateYield(gate='format', judged=1, dropped=1, dropped_first=1)]
    """
    decisions = _latest(negatives, verdicts)
    appeared = dict.fromkeys(name for _, name in decisions)
    order: list[str] = [gate for gate in GATES if gate in appeared]
    order += [name for name in appeared if name not in GATES]
    gone: set[str] = set()
    yields = []
    for name in order:
        judged = {key: drop for (key, gate), drop in decisions.items() if gate == name}
        dropped = {key for key, drop in judged.items() if drop}
        yields.append(GateYield(name, len(judged), len(dropped), len(dropped - gone)))
        gone |= dropped
    return yields


def acceptance(negatives: pa.Table, verdicts: pa.Table) -> Acceptance:
    """Count the negatives that stand after all verdicts, those of persons included.

    Args:
        negatives: Rows with `NEGATIVE_SCHEMA`.
        verdicts: Rows with `VERDICT_SCHEMA`.

    Example:
        >>> from syneg.negatives.record import to_table
        >>> from syneg.negatives.verdict import VERDICT_SCHEMA
        >>> pool = to_table([Negative(negative_id="a", query_id="q", positive_id="p",
        ...                           source="llm", text="Fog is grey.")])
        >>> acceptance(pool, VERDICT_SCHEMA.empty_table()).rate
        1.0
    """
    standing = standing_decisions(verdicts)
    ids = set(negatives["negative_id"].to_pylist())
    accepted = sum(standing.get(one, Decision.KEEP) is Decision.KEEP for one in ids)
    return Acceptance(proposed=len(ids), accepted=accepted)


def _latest(negatives: pa.Table, verdicts: pa.Table) -> dict[tuple[str, str], bool]:
    by_filter = verdicts.filter(pc.is_null(verdicts["reviewer"]))
    asked = negatives["negative_id"].combine_chunks()
    by_filter = by_filter.filter(pc.is_in(by_filter["negative_id"], value_set=asked))
    names = ("negative_id", "filter", "decision", "time")
    rows = list(zip(*(by_filter[name].to_pylist() for name in names), strict=True))
    # The sort is stable: at equal times the later row counts, as in `standing_decisions`.
    rows.sort(key=lambda row: row[3])
    taken_out = (Decision.DROP, Decision.RELABEL)
    return {(key, name): decision in taken_out for key, name, decision, _ in rows}
