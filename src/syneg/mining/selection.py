"""Selecting negatives from stored candidates: rules in, what each removed and chose out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.errors import InputError
from syneg.mining.candidates import (
    EXCLUSIONS,
    Candidates,
    Codes,
    Integers,
    Mask,
    Positives,
    check_same_queries,
)
from syneg.mining.groups import per_query, query_blocks
from syneg.mining.references import Reference, reference_similarities
from syneg.mining.rule_kinds import Columns
from syneg.mining.rules import Rule
from syneg.mining.sampling import chosen_rows


@dataclass(frozen=True)
class Selection:
    """What became of every candidate.

    Attributes:
        candidates: The candidates.
        rules: The rules, in the order in which they were asked.
        wanted: How many negatives each query was to get; None where no sampler limits it.
        removed_by: 0, or 1 + the place in `reasons` of the first reason to remove the row.
        chosen: The rows that are negatives now.
    """

    candidates: Candidates
    rules: tuple[Rule, ...]
    wanted: int | None
    removed_by: Codes
    chosen: Mask

    @property
    def reasons(self) -> tuple[str, ...]:
        """All there is to remove a row: the exclusions, then the rules that are no sampler."""
        return (*EXCLUSIONS, *(rule.text for rule in self.rules if not rule.kind.sampler))

    @property
    def chosen_counts(self) -> Integers:
        """How many negatives each query has."""
        return per_query(self.chosen, self.candidates.offsets)

    def removed(self) -> dict[str, int]:
        """Return how many candidates each reason removed, those that removed none included."""
        counts = np.bincount(self.removed_by, minlength=len(self.reasons) + 1)
        found: dict[str, int] = {}
        # A rule that is given twice removes nothing the second time.
        for reason, count in zip(self.reasons, counts[1:].tolist(), strict=True):
            found[reason] = found.get(reason, 0) + count
        return found

    def _counts(self) -> npt.NDArray[np.int64]:
        """Return how many rows of each query have each code of `removed_by`."""
        shape = len(self.candidates.query_ids), len(self.reasons) + 1
        keys = self.candidates.owners
        keys *= shape[1]
        keys += self.removed_by
        return np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape)

    def table(self) -> pa.Table:
        """Return what became of each query's candidates, one row per query.

        Columns: query_id; candidates; one for each reason with the number of candidates that
        it removed; left (removed by none), chosen, and missing (wanted and not found).
        """
        chosen = self.chosen_counts
        short = np.maximum(0, (self.wanted or 0) - chosen)
        columns: dict[str, pa.Array] = {
            "query_id": pa.array(self.candidates.query_ids, pa.large_string()),
            "candidates": pa.array(self.candidates.counts),
        }
        counts = self._counts()
        for code, reason in enumerate(self.reasons, start=1):
            # A rule that is given twice is asked twice, and removes nothing the second time.
            name = reason if reason not in columns else f"{reason} (again)"
            columns[name] = pa.array(counts[:, code])
        columns.update(
            left=pa.array(counts[:, 0]), chosen=pa.array(chosen), missing=pa.array(short)
        )
        return pa.table(columns)


def select(
    candidates: Candidates,
    positives: Positives,
    rules: Sequence[Rule],
    *,
    reference: Reference = Reference.NEAREST,
    wanted: int | None = None,
    seed: int = 0,
) -> Selection:
    """Choose the negatives of every query by rules; no text is read and nothing is encoded.

    Every row is removed by the first reason that applies, in the order of the rules; what is
    excluded (see `EXCLUSIONS`) is so whatever the rules. With a sampler, `wanted` of the rest
    are chosen; without one the first `wanted` are, or all where `wanted` is None.

    Args:
        candidates: What was found.
        positives: Of the same queries, with similarities where a rule compares.
        rules: From `parse_rules`.
        reference: Which positive candidates are held against.
        wanted: Negatives for each query.
        seed: Of every draw; see `chosen_rows`.

    Returns:
        What became of every row. Too few candidates stay too few: see `Selection.table`.

    Raises:
        InputError: A similarity that a rule compares is missing or no finite number.

    Example:
        >>> from syneg.mining.rules import parse_rules
        >>> from dataclasses import replace
        >>> found = Candidates.from_grid("dense", ["q"], np.array([[4, 2, 7]]),
        ...                              np.array([[0.75, 0.5, 0.25]]))
        >>> found = replace(found, similarities=found.scores)
        >>> known = Positives(["q"], np.array([0, 1]), np.array([0]),
        ...                   np.array([0.5], np.float32))
        >>> done = select(found, known, parse_rules(["perc-pos:0.95"]), wanted=4)
        >>> done.chosen.tolist(), done.removed()["perc-pos:0.95"]
        ([False, False, True], 2)
        >>> done.table()["missing"].to_pylist()
        [3]
    """
    check_same_queries(candidates, positives)
    near = None
    compares = any(rule.kind.compares for rule in rules)
    if compares or candidates.similarities is not None:
        _check_similarities(candidates)
    if any(rule.kind.reference for rule in rules):
        near = reference_similarities(positives, reference)
    sampler = rules[-1] if rules and rules[-1].kind.sampler else Rule("top")
    limit = sampler.count or wanted
    removed = np.zeros(len(candidates), np.int8)
    chosen = np.zeros(len(candidates), bool)
    # A part of the queries at a time: short columns stay in the processor's cache.
    for queries in query_blocks(candidates.offsets):
        rows = slice(*(int(candidates.offsets[end]) for end in (queries.start, queries.stop)))
        columns = _columns(candidates, near, queries, rows)
        codes = _removed(columns, candidates.excluded[rows], rules)
        removed[rows] = codes
        left = codes == 0
        if limit is not None:
            ids = candidates.query_ids[queries]
            left = chosen_rows(sampler, columns, left, ids, limit, seed)
        chosen[rows] = left
    return Selection(candidates, tuple(rules), limit, removed, chosen)


def rule_verdicts(selection: Selection, positives: Positives, reference: Reference) -> list[Mask]:
    """Return for each rule that is no sampler which rows it speaks against, asked alone."""
    near = None
    if any(rule.kind.reference for rule in selection.rules):
        near = reference_similarities(positives, reference)
    candidates = selection.candidates
    everything = slice(0, len(candidates.query_ids))
    columns = _columns(candidates, near, everything, slice(0, len(candidates)))
    return [
        rule.kind.removes(columns, dict(rule.values))
        for rule in selection.rules
        if rule.kind.removes is not None
    ]


def measures(
    selection: Selection, positives: Positives, reference: Reference, rule: Rule
) -> npt.NDArray[np.float64]:
    """Return what a rule measured at every row, for the verdicts it gives."""
    near = reference_similarities(positives, reference) if rule.kind.reference else None
    candidates = selection.candidates
    everything = slice(0, len(candidates.query_ids))
    columns = _columns(candidates, near, everything, slice(0, len(candidates)))
    if rule.kind.measure is not None:
        return rule.kind.measure(columns, dict(rule.values))
    similarity = candidates.similarities
    none = np.full(len(candidates), np.nan)
    return none if similarity is None else np.asarray(similarity, np.float64)


def _columns(
    candidates: Candidates,
    near: npt.NDArray[np.float64] | None,
    queries: slice,
    rows: slice,
) -> Columns:
    return Columns(
        candidates.ranks[rows],
        candidates.scores[rows],
        None if candidates.similarities is None else candidates.similarities[rows],
        None if near is None else near[queries],
        np.diff(candidates.offsets[queries.start : queries.stop + 1]),
    )


def _removed(columns: Columns, excluded: Codes, rules: Sequence[Rule]) -> Codes:
    codes = excluded.copy()
    code = len(EXCLUSIONS)
    for rule in rules:
        if rule.kind.removes is None:
            continue
        code += 1
        gone = rule.kind.removes(columns, dict(rule.values))
        codes[gone & (codes == 0)] = code
    return codes


def _check_similarities(candidates: Candidates) -> None:
    if candidates.similarities is None:
        raise InputError(
            "the candidates have no similarity to their queries",
            field="similarity",
            remedy="name the model that is to compare them (--model)",
        )
    wrong = np.flatnonzero(~np.isfinite(candidates.similarities))
    if wrong.size:
        row = int(wrong[0])
        query = int(np.searchsorted(candidates.offsets, row, side="right")) - 1
        raise InputError(
            f"{wrong.size} candidates have a similarity that is no finite number, the first of "
            f"query '{candidates.query_ids[query]}' at rank {candidates.ranks[row]}",
            field="similarity",
            value=float(candidates.similarities[row]),
            remedy="encode again in float32, or take another model",
        )
