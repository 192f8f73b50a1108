from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mining.columns import candidates_of, positives_of
from syneg.errors import InputError
from syneg.mining.candidates import EXCLUSIONS, Candidates
from syneg.mining.groups import query_blocks
from syneg.mining.merging import merged
from syneg.mining.references import Reference, reference_similarities
from syneg.mining.rules import parse_rules
from syneg.mining.selection import rule_verdicts, select

SIMILARITY = st.floats(-1, 1, width=32)


def chosen(similarities: list[float], positive: float, *rules: str, wanted: int = 99) -> list[int]:
    done = select(
        candidates_of([similarities]), positives_of([[positive]]), parse_rules(rules), wanted=wanted
    )
    return np.flatnonzero(done.chosen).tolist()


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("rank:2-3", [1, 2]),
        ("perc-pos:0.95", [2, 3]),
        ("margin:0.2", [3]),
        ("margin:0", [1, 2, 3]),
        ("margin-relative:0.05", [2, 3]),
        ("similarity-max:0.77", [2, 3]),
        ("similarity-min:0.5", [0, 1, 2]),
        ("score-max:0.77", [2, 3]),
        ("score-min:0.5", [0, 1, 2]),
    ],
)
def test_what_each_rule_leaves(rule: str, left: list[int]) -> None:
    assert chosen([0.9, 0.78, 0.75, -0.5], 0.8, rule) == left


def test_the_ceiling_lies_below_a_negative_positive_too() -> None:
    assert chosen([-0.39, -0.41, -0.43], -0.4, "perc-pos:0.95") == [2]
    assert chosen([-0.39, -0.41, -0.43], -0.4, "margin-relative:0.05") == [2]


@given(st.lists(SIMILARITY, min_size=1), SIMILARITY, st.floats(0.05, 1))
def test_perc_pos_holds_for_all_signs(near: list[float], positive: float, share: float) -> None:
    ceiling = positive - (1 - share) * abs(positive)
    expected = [place for place, value in enumerate(near) if not value > ceiling]
    assert chosen(near, positive, f"perc-pos:{share!r}") == expected


@given(st.lists(st.lists(SIMILARITY, min_size=1, max_size=5), min_size=1, max_size=6), st.data())
def test_the_reference_is_the_one_that_is_named(
    known: list[list[float]], data: st.DataObject
) -> None:
    reference = data.draw(st.sampled_from(Reference))
    expected = {
        Reference.FIRST: lambda values: values[0],
        Reference.NEAREST: max,
        Reference.FARTHEST: min,
        Reference.MEAN: lambda values: sum(values) / len(values),
    }[reference]
    found = reference_similarities(positives_of(known), reference)
    assert found == pytest.approx([expected(values) for values in known], abs=1e-6)


@given(
    st.lists(st.lists(SIMILARITY, max_size=8), min_size=1, max_size=8),
    st.integers(1, 6),
    st.sampled_from(["top", "random", "simans:a=0.5,b=0.1"]),
)
def test_a_query_is_treated_alike_alone_and_among_others(
    near: list[list[float]], wanted: int, sampler: str
) -> None:
    known = [[0.5]] * len(near)
    rules = parse_rules(["perc-pos:0.9", sampler])
    everything = candidates_of(near)
    done = select(everything, positives_of(known), rules, wanted=wanted)
    counts = done.chosen_counts.tolist()
    for place, values in enumerate(near):
        left = sum(value <= 0.45 for value in values)
        assert counts[place] == min(left, wanted)
        alone = select(
            everything.of_query(place), positives_of(known).of_query(place), rules, wanted=wanted
        )
        rows = slice(*everything.offsets[place : place + 2].tolist())
        assert alone.chosen.tolist() == done.chosen[rows].tolist()


def test_draws_follow_seed_and_query_and_not_what_rules_removed() -> None:
    found, known = candidates_of([[0.1] * 40, [0.1] * 40]), positives_of([[0.5], [0.5]])

    def drawn(*rules: str, seed: int = 0) -> list[int]:
        done = select(found, known, parse_rules(rules), wanted=10, seed=seed)
        return np.flatnonzero(done.chosen).tolist()

    assert drawn("random") == drawn("random")
    assert drawn("random") != drawn("random", seed=1)
    first, second = (
        {row % 40 for row in drawn("random") if (row < 40) == half} for half in (True, False)
    )
    assert first != second
    # What a rule leaves is drawn as before.
    narrowed = set(drawn("rank:1-30", "random"))
    assert {row for row in drawn("random") if row % 40 < 30} <= narrowed


def test_simans_prefers_what_lies_where_it_is_told() -> None:
    near = [[0.1, 0.3, 0.5, 0.7]] * 3000
    done = select(
        candidates_of(near),
        positives_of([[0.6]] * 3000),
        parse_rules(["simans:a=20,b=-0.1"]),
        wanted=1,
    )
    shares = done.chosen.reshape(3000, 4).mean(axis=0)
    weights = np.exp(-20 * (np.array(near[0]) - 0.6 + 0.1) ** 2)
    assert shares == pytest.approx(weights / weights.sum(), abs=0.03)


def test_random_draws_are_even() -> None:
    done = select(
        candidates_of([[0.1] * 8] * 4000), positives_of([[0.5]] * 4000), parse_rules(["random"]),
        wanted=2,
    )  # fmt: skip
    shares = done.chosen.reshape(4000, 8).mean(axis=0)
    assert shares == pytest.approx(np.full(8, 0.25), abs=0.03)


def test_the_first_reason_is_told_and_nothing_is_padded() -> None:
    found = candidates_of([[0.9, 0.6, 0.3], [0.9, 0.9, 0.9], []])
    excluded = found.excluded.copy()
    excluded[0] = EXCLUSIONS.index("same-text") + 1
    done = select(
        replace(found, excluded=excluded),
        positives_of([[0.65], [0.65], [0.65]]),
        parse_rules(["perc-pos:0.95", "similarity-min:0.5"]),
        wanted=2,
    )
    rows = done.table().to_pylist()
    assert [row["query_id"] for row in rows] == ["q0", "q1", "q2"]
    assert [row["same-text"] for row in rows] == [1, 0, 0]
    assert [row["perc-pos:0.95"] for row in rows] == [0, 3, 0]
    assert [row["similarity-min:0.5"] for row in rows] == [1, 0, 0]
    assert [row["chosen"] for row in rows] == [1, 0, 0]
    assert [row["missing"] for row in rows] == [1, 2, 2]
    assert sum(done.removed().values()) + done.chosen.sum() == len(found)
    masks = rule_verdicts(done, positives_of([[0.65], [0.65], [0.65]]), Reference.NEAREST)
    # Asked alone, each rule says what it says, whatever the others removed.
    assert masks[0].tolist() == [True, False, False, True, True, True]


def test_a_similarity_that_is_no_number_is_refused_with_its_place() -> None:
    found, known = candidates_of([[0.5], [0.4, float("nan")]]), positives_of([[0.5], [0.5]])
    with pytest.raises(InputError, match=r"1 candidates.*query 'q1' at rank 2"):
        select(found, known, parse_rules(["perc-pos:0.95"]))
    with pytest.raises(InputError, match="no finite number"):
        select(found, known, parse_rules(["rank:1-2"]))
    bad = positives_of([[float("inf")]])
    with pytest.raises(InputError, match="query 'q0'"):
        select(candidates_of([[0.1]]), bad, parse_rules(["margin:0.1"]))


def test_rules_that_compare_need_a_model() -> None:
    found = replace(candidates_of([[0.5]]), similarities=None)
    with pytest.raises(InputError, match="--model"):
        select(found, positives_of([[0.5]]), parse_rules(["similarity-max:0.3"]))
    with pytest.raises(InputError, match="--model"):
        select(
            candidates_of([[0.5]]),
            replace(positives_of([[0.5]]), similarities=None),
            parse_rules(["margin:0.3"]),
        )
    assert select(found, positives_of([[0.5]]), parse_rules(["rank:1-1"])).chosen.tolist() == [True]


def test_a_query_without_positives_is_told() -> None:
    with pytest.raises(InputError, match=r"no positive.*'q1'"):
        select(candidates_of([[0.1], [0.1]]), positives_of([[0.5], []]), parse_rules(["margin:0"]))


def test_nothing_at_all_is_selected_from_nothing() -> None:
    done = select(candidates_of([]), positives_of([]), parse_rules(["perc-pos:0.95", "random"]))
    assert len(done.chosen) == 0
    assert done.table().num_rows == 0


def test_several_sources_take_turns_and_a_document_counts_once() -> None:
    def of(source: str, documents: list[int]) -> Candidates:
        grid = np.array([documents])
        return Candidates.from_grid(source, ["q"], grid, np.ones(grid.shape))

    both = merged([of("bm25", [5, 6, 7]), of("dense", [6, 8])])
    assert both.documents.tolist() == [5, 6, 6, 8, 7]
    assert [both.sources[one] for one in both.origins] == ["bm25", "dense", "bm25", "dense", "bm25"]
    # Dense has it at rank 1, before BM25 at rank 2.
    assert both.excluded.tolist() == [0, 0, EXCLUSIONS.index("repeated") + 1, 0, 0]


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 20))
def test_blocks_hold_every_query_once_and_few_rows(counts: list[int], most: int) -> None:
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    blocks = list(query_blocks(offsets, most))
    assert [place for one in blocks for place in range(one.start, one.stop)] == list(
        range(len(counts))
    )
    for one in blocks:
        size = one.stop - one.start
        assert size == 1 or size * max(counts[one]) <= most


def test_a_rule_that_is_given_twice_counts_what_it_removed_once() -> None:
    found, known = candidates_of([[0.9, 0.6, 0.3]]), positives_of([[0.65]])
    done = select(found, known, parse_rules(["perc-pos:0.95", "perc-pos:0.95"]))
    assert done.removed()["perc-pos:0.95"] == 1
