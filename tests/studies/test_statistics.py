from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syneg.evaluation.significance import compare_paired
from syneg.studies.statistics import ArmPair, hierarchical_difference, pooled_difference

Values = npt.NDArray[np.float64]

DRAWS = 500
shares = st.floats(0, 1, allow_subnormal=False)


@st.composite
def arms(draw: st.DrawFn, *, paired: bool = False) -> tuple[Values, Values]:
    queries = draw(st.integers(2, 12))
    seeds = draw(st.integers(1, 4))
    others = seeds if paired else draw(st.integers(1, 4))
    first = draw(st.lists(shares, min_size=seeds * queries, max_size=seeds * queries))
    second = draw(st.lists(shares, min_size=others * queries, max_size=others * queries))
    return np.reshape(first, (seeds, queries)), np.reshape(second, (others, queries))


def simulated(
    generator: np.random.Generator, *, seeds: int, queries: int, of_seed: float
) -> Values:
    """Differences without a true effect: those of seeds, of queries, and of both together."""
    by_seed = generator.normal(0, of_seed, (seeds, 1))
    by_query = generator.normal(0, 1, (1, queries))
    return by_seed + by_query + generator.normal(0, 0.5, (seeds, queries))


@given(arms())
@settings(max_examples=50)
def test_the_difference_is_that_of_the_means_and_lies_in_its_interval(
    pair: tuple[Values, Values],
) -> None:
    first, second = pair
    result = hierarchical_difference(first, second, draws=DRAWS)
    assert result.difference == pytest.approx(second.mean() - first.mean(), abs=1e-12)
    assert (result.first, result.second) == (first.mean(), second.mean())
    assert result.low <= result.high
    assert 0 < result.p_value <= 1
    assert result.resolvable >= 0
    assert result.queries == first.shape[1]
    assert result.seeds == (len(first), len(second))
    assert result.seeds_resampled == (max(result.seeds) > 1)


@given(arms(), st.floats(-1, 1))
@settings(max_examples=50)
def test_a_constant_added_to_the_second_arm_moves_all_but_the_spread(
    pair: tuple[Values, Values], constant: float
) -> None:
    one = hierarchical_difference(*pair, draws=DRAWS)
    other = hierarchical_difference(pair[0], pair[1] + constant, draws=DRAWS)
    for name in ("difference", "low", "high"):
        assert getattr(other, name) == pytest.approx(getattr(one, name) + constant, abs=1e-6)
    assert other.standard_error == pytest.approx(one.standard_error, abs=1e-6)


@given(arms(paired=True))
@settings(max_examples=50)
def test_swapping_paired_arms_mirrors_the_result(pair: tuple[Values, Values]) -> None:
    one = hierarchical_difference(*pair, draws=DRAWS)
    other = hierarchical_difference(pair[1], pair[0], draws=DRAWS)
    assert other.difference == pytest.approx(-one.difference, abs=1e-9)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-9)
    assert other.p_value == one.p_value


def test_swapping_arms_of_different_seeds_mirrors_the_result() -> None:
    generator = np.random.default_rng(0)
    first = simulated(generator, seeds=3, queries=100, of_seed=0.1)
    second = simulated(generator, seeds=5, queries=100, of_seed=0.1)
    one, other = hierarchical_difference(first, second), hierarchical_difference(second, first)
    assert one.difference == pytest.approx(-other.difference)
    assert one.low == pytest.approx(-other.high, abs=0.03)
    assert one.p_value == pytest.approx(other.p_value, abs=0.03)


@given(arms(paired=True))
@settings(max_examples=30)
def test_an_arm_does_not_differ_from_itself(pair: tuple[Values, Values]) -> None:
    result = hierarchical_difference(pair[0], pair[0], draws=DRAWS)
    assert (result.difference, result.low, result.high, result.p_value) == (0, 0, 0, 1)


@given(arms())
@settings(max_examples=30)
def test_the_interval_leaves_out_zero_only_where_the_p_value_says_so(
    pair: tuple[Values, Values],
) -> None:
    result = hierarchical_difference(*pair, draws=DRAWS)
    if result.p_value < 0.04:
        assert result.low >= 0 or result.high <= 0
    if result.p_value > 0.06 and result.queries > 6:
        assert result.low <= 1e-9
        assert result.high >= -1e-9


def test_two_queries_that_agree_are_no_evidence() -> None:
    assert hierarchical_difference(np.zeros((3, 2)), np.ones((3, 2))).p_value == 0.5


def test_the_same_generator_seed_gives_the_same_result() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.random((3, 50)), generator.random((3, 50))
    assert hierarchical_difference(first, second) == hierarchical_difference(first, second)
    other = hierarchical_difference(first, second, seed=1)
    assert other != hierarchical_difference(first, second)


def test_one_seed_agrees_with_the_randomization_test() -> None:
    generator = np.random.default_rng(2)
    first = generator.random(200)
    for gain in (0.0, 0.01, 0.02, 0.03):
        second = first + generator.normal(gain, 0.15, 200)
        result = hierarchical_difference(first[None, :], second[None, :])
        single = compare_paired(first, second)
        assert result.p_value == pytest.approx(single.p_value, abs=0.02)
        assert (result.low, result.high) == pytest.approx((single.low, single.high), abs=0.003)
        assert single.resolvable is not None
        assert result.resolvable == pytest.approx(single.resolvable, rel=0.06)
        assert not result.seeds_resampled


def test_queries_that_all_seeds_share_do_not_count_once_for_every_seed() -> None:
    by_query = np.random.default_rng(3).normal(0, 1, (1, 200))
    one = hierarchical_difference(np.zeros((1, 200)), by_query)
    five = hierarchical_difference(np.zeros((5, 200)), np.repeat(by_query, 5, axis=0))
    assert five.standard_error == pytest.approx(one.standard_error)


def test_seeds_that_differ_widen_the_interval() -> None:
    generator = np.random.default_rng(4)
    even = simulated(generator, seeds=4, queries=300, of_seed=0)
    uneven = even + np.array([[-0.5], [-0.2], [0.2], [0.5]])
    narrow = hierarchical_difference(np.zeros_like(even), even)
    wide = hierarchical_difference(np.zeros_like(even), uneven)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert wide.resolvable > 2 * narrow.resolvable
    # Of four seeds the spread itself is little known: 3.18 standard errors, not 1.96.
    assert (wide.high - wide.low) / 2 == pytest.approx(3.18 * wide.standard_error, rel=0.15)


def test_pairing_takes_out_what_a_seed_does_to_both_arms() -> None:
    generator = np.random.default_rng(5)
    shared = generator.normal(0, 0.3, (4, 1))
    first = shared + generator.normal(0, 0.3, (4, 200))
    second = 0.1 + shared + generator.normal(0, 0.3, (4, 200))
    paired = hierarchical_difference(first, second)
    unpaired = hierarchical_difference(first, second, paired=False)
    assert paired.p_value < 0.05 < unpaired.p_value
    by_seed = [first.mean(axis=1).var(ddof=1) / 4, second.mean(axis=1).var(ddof=1) / 4]
    by_query = (second.mean(axis=0) - first.mean(axis=0)).var(ddof=1) / 200
    assert unpaired.standard_error == pytest.approx(np.sqrt(sum(by_seed) + by_query))


@pytest.mark.parametrize(("seeds", "of_seed"), [(1, 0.0), (3, 0.0), (3, 0.1), (5, 0.1), (5, 0.3)])
def test_the_interval_covers_the_truth_about_as_often_as_stated(seeds: int, of_seed: float) -> None:
    generator = np.random.default_rng(6)
    covered, rejected, studies = 0, 0, 200
    for number in range(studies):
        values = simulated(generator, seeds=seeds, queries=100, of_seed=of_seed)
        result = hierarchical_difference(
            np.zeros_like(values), values + 0.2, seed=number, draws=DRAWS
        )
        covered += result.low <= 0.2 <= result.high
        null = hierarchical_difference(np.zeros_like(values), values, seed=number, draws=DRAWS)
        rejected += null.p_value < 0.05
    assert covered >= 0.9 * studies
    assert rejected <= 0.1 * studies


def test_the_resolvable_effect_is_found_in_about_four_of_five_studies() -> None:
    generator = np.random.default_rng(7)
    pilots = [simulated(generator, seeds=5, queries=100, of_seed=0.05) for _ in range(20)]
    effect = float(
        np.mean([hierarchical_difference(np.zeros_like(one), one).resolvable for one in pilots])
    )
    found = 0
    for number in range(200):
        values = simulated(generator, seeds=5, queries=100, of_seed=0.05) + effect
        result = hierarchical_difference(np.zeros_like(values), values, seed=number, draws=DRAWS)
        found += result.p_value < 0.05
    assert 0.7 < found / 200 < 0.92


def test_ten_thousand_draws_of_a_study_take_less_than_three_seconds() -> None:
    generator = np.random.default_rng(8)
    first, second = generator.random((5, 600)), generator.random((5, 600))
    started = time.process_time()
    hierarchical_difference(first, second)
    assert time.process_time() - started < 3


def test_data_sets_count_the_same_whatever_their_size() -> None:
    small = ArmPair(np.zeros((2, 10)), np.full((2, 10), 0.4))
    large = ArmPair(np.zeros((3, 1000)), np.full((3, 1000), 0.2))
    result = pooled_difference([small, large])
    assert result.difference == pytest.approx(0.3)
    assert (result.queries, result.seeds) == (1010, (2, 2))


def test_pooling_data_sets_alike_narrows_the_interval() -> None:
    generator = np.random.default_rng(9)
    pairs = [
        ArmPair(np.zeros((3, 200)), simulated(generator, seeds=3, queries=200, of_seed=0.02))
        for _ in range(4)
    ]
    pooled = pooled_difference(pairs)
    single = [pooled_difference([pair]) for pair in pairs]
    assert pooled.difference == pytest.approx(np.mean([one.difference for one in single]))
    errors = [one.standard_error for one in single]
    assert pooled.standard_error == pytest.approx(np.sqrt(np.sum(np.square(errors))) / 4)
    assert pooled.high - pooled.low < 0.7 * min(one.high - one.low for one in single)


@pytest.mark.parametrize(
    ("first", "second", "paired"),
    [
        (np.zeros(5), np.zeros((1, 5)), None),
        (np.zeros((0, 5)), np.zeros((1, 5)), None),
        (np.zeros((1, 5)), np.zeros((1, 6)), None),
        (np.zeros((1, 1)), np.zeros((1, 1)), None),
        (np.zeros((1, 5)), np.zeros((2, 5)), True),
        (np.zeros((1, 5)), np.full((1, 5), np.nan), None),
    ],
)
def test_what_cannot_be_compared_is_refused(
    first: Values, second: Values, paired: bool | None
) -> None:
    with pytest.raises(ValueError, match=r"\[seeds, queries\]|queries|seeds|finite"):
        hierarchical_difference(first, second, paired=paired)


def test_no_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match="no pair"):
        pooled_difference([])
