from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from syneg.synthesis.attributes import draw_attributes, draw_place, draw_share
from syneg.synthesis.profile import load_profile

PROFILE = load_profile("scifact")


@given(seed=st.integers(), query=st.text(), positive=st.text(), sample=st.integers(0, 9))
def test_a_draw_is_from_the_pools_and_depends_on_its_arguments_alone(
    seed: int, query: str, positive: str, sample: int
) -> None:
    asked = {"seed": seed, "query_id": query, "positive_id": positive, "sample": sample}
    first = draw_attributes(PROFILE, **asked)
    draw_attributes(PROFILE, **{**asked, "seed": seed + 1})
    assert first == draw_attributes(PROFILE, **asked)
    assert first.domain_name in PROFILE.domain_name
    assert first.difficulty_level in PROFILE.difficulty_level
    assert first.length in PROFILE.length


def chi_square(counts: Counter[str], kinds: int) -> float:
    expected = sum(counts.values()) / kinds
    return sum((count - expected) ** 2 / expected for count in counts.values())


def test_over_queries_each_value_is_as_frequent_as_with_a_fair_die() -> None:
    for seed in range(3):
        draws = [
            draw_attributes(PROFILE, seed=seed, query_id=str(number), positive_id="d")
            for number in range(4_500)
        ]
        # The 99.9% points of chi-square with 8, 1 and 3 degrees of freedom.
        assert chi_square(Counter(draw.domain_name for draw in draws), 9) < 26.1
        assert chi_square(Counter(draw.difficulty_level for draw in draws), 2) < 10.8
        both = Counter(f"{draw.difficulty_level} {draw.length}" for draw in draws)
        assert chi_square(both, 4) < 16.3


def test_within_a_query_no_value_is_taken_twice_before_all_were_once() -> None:
    for query in ("a", "b", "c"):
        draws = [
            draw_attributes(PROFILE, seed=0, query_id=query, positive_id="d", sample=sample)
            for sample in range(22)
        ]
        domains = Counter(draw.domain_name for draw in draws)
        assert set(domains.values()) == {2, 3}
        assert Counter(draw.difficulty_level for draw in draws).most_common()[0][1] == 11


@given(st.integers(1, 12) | st.just(45), st.integers(0, 5), st.text(max_size=4))
def test_every_round_of_places_is_a_permutation(size: int, around: int, name: str) -> None:
    turns = range(around * size, (around + 1) * size)
    assert sorted(draw_place(size, turn, name) for turn in turns) == list(range(size))


def test_samples_and_seeds_draw_anew() -> None:
    def domains(**change: int) -> list[str]:
        arguments = {"seed": 0, "sample": 0, **change}
        return [
            draw_attributes(PROFILE, query_id=str(n), positive_id="d", **arguments).domain_name
            for n in range(50)
        ]

    assert domains() != domains(sample=1)
    assert domains() != domains(seed=1)


@given(st.integers(), st.text())
def test_a_share_is_below_one(seed: int, name: str) -> None:
    assert 0 <= draw_share(seed, name) < 1
