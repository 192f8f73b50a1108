from __future__ import annotations

import numpy as np
import pytest

from syneg.evaluation.significance import compare_paired


def test_nothing_changed_is_not_significant() -> None:
    values = np.random.default_rng(0).random(100)
    result = compare_paired(values, values)
    assert (result.difference, result.p_value, result.wins, result.losses) == (0.0, 1.0, 0, 0)


def test_swapping_the_models_mirrors_the_result() -> None:
    generator = np.random.default_rng(1)
    before, after = generator.random(80), generator.random(80)
    one, other = compare_paired(before, after), compare_paired(after, before)
    assert one.difference == pytest.approx(-other.difference)
    assert (one.wins, one.losses) == (other.losses, other.wins)
    assert one.p_value == pytest.approx(other.p_value, abs=0.02)


def test_under_chance_the_p_value_is_even() -> None:
    generator = np.random.default_rng(2)
    values = [
        compare_paired(*generator.normal(size=(2, 40)), seed=number).p_value
        for number in range(200)
    ]
    assert np.mean(np.array(values) < 0.05) < 0.11
    assert 0.4 < np.mean(values) < 0.6


def test_the_interval_covers_the_true_difference_about_as_often_as_stated() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for number in range(100):
        before = generator.normal(size=60)
        after = before + 0.3 + generator.normal(size=60)
        result = compare_paired(before, after, seed=number)
        covered += result.low <= 0.3 <= result.high
    assert covered >= 85


def test_no_queries_is_no_evidence() -> None:
    result = compare_paired(np.array([]), np.array([]))
    assert (result.queries, result.p_value) == (0, 1.0)


def test_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="3 queries before, 2 after"):
        compare_paired(np.zeros(3), np.zeros(2))
