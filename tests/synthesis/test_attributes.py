from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from syneg.synthesis.attributes import draw_attributes
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


def test_draws_are_roughly_even_and_independent() -> None:
    draws = [
        draw_attributes(PROFILE, seed=0, query_id=str(number), positive_id="d")
        for number in range(9_000)
    ]
    domains = Counter(draw.domain_name for draw in draws)
    assert min(domains.values()) > 850
    assert max(domains.values()) < 1150
    both = Counter((draw.difficulty_level, draw.length) for draw in draws)
    assert len(both) == 4
    assert min(both.values()) > 2050


def test_samples_and_seeds_draw_anew() -> None:
    def domains(**change: int) -> list[str]:
        arguments = {"seed": 0, "sample": 0, **change}
        return [
            draw_attributes(PROFILE, query_id=str(n), positive_id="d", **arguments).domain_name
            for n in range(50)
        ]

    assert domains() != domains(sample=1)
    assert domains() != domains(seed=1)
