from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.studies.statistics import holm

probabilities = st.lists(st.floats(0, 1), max_size=12)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.2]) == [0.2]


@given(probabilities)
def test_holm_never_makes_a_p_value_smaller_nor_larger_than_bonferroni(values: list[float]) -> None:
    adjusted = holm(values)
    for raw, one in zip(values, adjusted, strict=True):
        assert raw <= one <= 1
        assert one <= len(values) * raw + 1e-12


@given(probabilities)
def test_holm_keeps_the_order(values: list[float]) -> None:
    ordered = sorted(zip(values, holm(values), strict=True))
    adjusted = [one for _, one in ordered]
    assert adjusted == sorted(adjusted)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.randoms())
def test_holm_does_not_depend_on_the_order_of_the_tests(
    values: list[float], random: Random
) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    assert sorted(holm(values)) == sorted(holm(shuffled))


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(value: float) -> None:
    with pytest.raises(ValueError, match="p-values"):
        holm([0.5, value])
