from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.errors import InputError
from syneg.negatives.pool import NegativePool, standing_decisions
from syneg.negatives.record import Negative, from_table, negative_identity, to_table
from syneg.negatives.verdict import (
    Decision,
    Verdict,
    now,
    verdicts_from_table,
    verdicts_to_table,
)


def negative(text: str, source: str = "llm") -> Negative:
    return Negative(
        negative_id=negative_identity("q", "p", source, text),
        query_id="q",
        positive_id="p",
        source=source,
        text=text,
    )


def verdict(decision: Decision, name: str, *, reviewer: str | None = None, later: int = 0):
    return Verdict(
        negative_id="n",
        filter=name,
        fingerprint="f",
        decision=decision,
        reviewer=reviewer,
        time=now() + timedelta(seconds=later),
    )


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), unique=True))
def test_records_survive_the_table(texts: list[str]) -> None:
    records = [negative(text) for text in texts]
    assert from_table(to_table(records)) == records


def test_verdicts_survive_the_table() -> None:
    verdicts = [verdict(Decision.DROP, "copy"), verdict(Decision.KEEP, "review", reviewer="Ada")]
    assert verdicts_from_table(verdicts_to_table(verdicts)) == verdicts


def test_a_part_written_again_replaces_itself(tmp_path: Path) -> None:
    pool = NegativePool(tmp_path)
    pool.write_negatives("llm", to_table([negative("a"), negative("b")]))
    pool.write_negatives("bm25", to_table([negative("c", "bm25")]))
    pool.write_negatives("llm", to_table([negative("a")]))
    assert sorted(pool.negatives()["text"].to_pylist()) == ["a", "c"]
    assert pool.parts() == ["bm25", "llm"]


def test_a_part_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name for a part"):
        NegativePool(tmp_path).write_negatives("../up", to_table([]))


def standing(*verdicts: Verdict) -> Decision:
    return standing_decisions(verdicts_to_table(verdicts))["n"]


def test_one_drop_outweighs_all_keeps() -> None:
    keep, drop = verdict(Decision.KEEP, "length"), verdict(Decision.DROP, "copy")
    assert standing(keep, drop) is Decision.DROP
    assert standing(drop, keep) is Decision.DROP


def test_a_person_outweighs_the_filters() -> None:
    person = verdict(Decision.KEEP, "review", reviewer="Ada")
    assert standing(person, verdict(Decision.DROP, "copy", later=5)) is Decision.KEEP


def test_the_latest_verdict_of_a_filter_counts() -> None:
    first, second = verdict(Decision.DROP, "copy"), verdict(Decision.KEEP, "copy", later=5)
    assert standing(first, second) is Decision.KEEP
    assert standing(second, first) is Decision.KEEP


def test_a_mark_keeps() -> None:
    assert standing(verdict(Decision.MARK, "hardness")) is Decision.KEEP


@given(st.permutations(range(4)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    verdicts = [
        verdict(Decision.KEEP, "length"),
        verdict(Decision.RELABEL, "judge", later=1),
        verdict(Decision.DROP, "copy", later=2),
        verdict(Decision.KEEP, "copy", later=3),
    ]
    assert standing(*(verdicts[place] for place in order)) is Decision.RELABEL
