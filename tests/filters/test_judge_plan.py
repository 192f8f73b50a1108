from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from syneg.filters.judge import Judge
from syneg.filters.judge_options import JudgeOptions
from syneg.filters.judge_plan import Purpose
from syneg.filters.judge_probes import probe_dataset
from syneg.mining.sources import BM25Source
from syneg.negatives.record import Negative, from_table, to_table
from syneg.negatives.verdict import Decision, Verdict, now, verdicts_to_table

from .judge_data import (
    NOTHING,
    RELEVANCE,
    collection,
    judge_for,
    mined,
    options,
    pool,
    written,
)


def texts_asked(judge: Judge, negatives: list[Negative], verdicts: object = NOTHING) -> list[str]:
    asked = judge.exchanges(to_table(negatives), verdicts)
    return [request.user for request in asked]  # type: ignore[union-attr]


def judge_without_probes_of(queries: int, **chosen: object) -> Judge:
    # One known positive is asked about in any case.
    return Judge(
        collection(queries), "train", RELEVANCE, options(probes=1, random_probes=0, **chosen)
    )


def test_a_text_that_is_a_negative_several_times_is_judged_once() -> None:
    judge = judge_without_probes_of(4)
    twice = [mined(1, "m1"), mined(1, "m1", rank=3, source="bm25"), mined(1, "o1")]
    plan = judge.plan(to_table(twice), NOTHING)
    assert len(plan.units_for(Purpose.CANDIDATE, synthetic=False)) == 2
    assert sorted(plan.negative[plan.negative >= 0].tolist()) == [0, 1, 2]


def test_only_the_best_ranked_documents_that_stand_are_judged() -> None:
    judge = judge_without_probes_of(4, mined_per_query=2)
    negatives = [
        mined(1, "m0", rank=1),
        mined(1, "m1", rank=9),
        mined(1, "m2", rank=4),
        mined(1, "m3", rank=4, source="bm25"),
        mined(1, "m3", rank=2),
        mined(1, "o2", rank=1, source="random"),
    ]
    dropped = Verdict(
        negative_id="dense-1-m0",
        filter="percentage-of-positive",
        fingerprint="f",
        decision=Decision.DROP,
        time=now(),
    )
    found = " ".join(texts_asked(judge, negatives, verdicts_to_table([dropped])))
    assert [number for number in range(4) if f"hall {number} " in found] == [2, 3]
    assert "town 2" not in found


def test_kinds_can_be_left_out() -> None:
    negatives = [mined(1, "m1"), written(1, "Something new.")]
    assert "new" not in " ".join(
        texts_asked(judge_without_probes_of(4, judge_synthetic=False), negatives)
    )
    assert "hall" not in " ".join(
        texts_asked(judge_without_probes_of(4, judge_mined=False), negatives)
    )


def test_other_splits_are_not_looked_at() -> None:
    stray = Negative(
        negative_id="t", query_id="t0", positive_id="t-doc", source="dense", doc_id="o1", rank=1
    )
    judge = judge_for(40, random_probes=0)
    asked = texts_asked(judge, [*(mined(one, f"o{one}") for one in range(40)), stray])
    assert not any("secret" in one for one in asked)
    # What only the test split calls relevant is no known positive.
    assert not any("hidden valve" in one for one in asked)


def test_probes_are_asked_about_in_the_same_words() -> None:
    judge = judge_for(40, random_probes=0)
    asked = list(judge.exchanges(pool(40), NOTHING))
    assert len({request.system for request in asked}) == 1
    forms = {
        (request.schema is not None, request.max_tokens, request.temperature, request.seed)
        for request in asked
    }
    assert len(forms) == 1
    places = [place for place, request in enumerate(asked) if "every morning" in request.user]
    assert len(places) == 24
    # Among the others, not in front of or behind them.
    assert min(places) < 15
    assert max(places) > len(asked) - 15


def test_adding_queries_asks_only_about_what_is_new() -> None:
    few = set(texts_asked(judge_for(40), from_table(pool(30))))
    more = set(texts_asked(judge_for(40), from_table(pool(40))))
    assert few < more


def test_probe_queries_can_be_mined_apart() -> None:
    data, chosen = collection(40), options(probes=10, probe_ranks=(5, 20))
    probes = probe_dataset(data, "train", chosen, seed=3)
    assert len(probes.query_ids("train")) == 10
    assert probes.splits == ["train"]
    found = BM25Source(depth=20).propose(probes, "train")
    judge = Judge(data, "train", RELEVANCE, chosen, middle_ranks=found, seed=3)
    plan = judge.plan(pool(40), NOTHING)
    units = plan.units_for(Purpose.MIDDLE_RANK, synthetic=False)
    assert len(units) == 10
    known = plan.units_for(Purpose.KNOWN_POSITIVE, synthetic=False)
    assert set(plan.query_rows[units]) == set(plan.query_rows[known])


def test_small_data_sets_give_several_probes_per_query() -> None:
    data = collection(2)
    judge = Judge(
        data,
        "train",
        RELEVANCE,
        options(probes=6),
        middle_ranks=to_table(
            [mined(number % 2, f"o{number % 2}", rank=50) for number in range(2)]
            + [mined(number, f"m{number}", rank=51) for number in range(2)]
        ),
    )
    plan = judge.plan(pool(2), NOTHING)
    assert len(plan.units_for(Purpose.MIDDLE_RANK, synthetic=False)) == 4


@settings(max_examples=25)
@given(st.integers(1, 60), st.integers(1, 7))
def test_every_text_is_asked_about_once(queries: int, per_call: int) -> None:
    judge = judge_for(queries, documents_per_call=per_call)
    plan = judge.plan(pool(queries), NOTHING)
    units = [unit for group in plan.groups() for unit in group.units.tolist()]
    assert sorted(units) == list(range(len(plan)))
    assert all(len(group.units) == len(group.documents) for group in plan.groups())


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        ({"samples": 3}, "temperature"),
        ({"probe_ranks": (100, 50)}, "first and a last rank"),
        ({"specificity_to_drop": 0.99}, "must not be below"),
        ({"specificty_to_drop": 0.99}, "Extra inputs"),
    ],
)
def test_contradictory_options_are_refused(chosen: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        JudgeOptions(**chosen)
