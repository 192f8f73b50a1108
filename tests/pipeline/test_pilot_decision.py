"""What follows from a pilot's figures."""

from __future__ import annotations

import numpy as np
import pytest

from syneg.pipeline.pilot_decision import Scored, decide


def scored(gain: float, spread: float, queries: int = 150) -> list[Scored]:
    """A candidate without and one with synthetic negatives that is `gain` better on average."""
    draws = np.random.default_rng(0).normal(0, spread, (2, queries))
    draws += gain - draws.mean()
    without = np.full((2, queries), 0.5)
    return [Scored("mined only", 0, without), Scored("hybrid", 1, without + draws)]


def test_a_gain_that_is_sure_is_used_and_a_loss_held_back() -> None:
    for gain, choice in ((0.1, "hybrid"), (-0.1, "mined only")):
        decision = decide(scored(gain, 0.1), certainty=0.8)
        assert decision.choice == choice
        assert decision.held_back == (choice == "mined only")
        assert "cannot tell" not in decision.sentence


def test_a_gain_that_may_be_luck_must_be_likely_enough() -> None:
    faint = scored(0.004, 0.1)
    assert decide(faint, certainty=0.5).choice == "hybrid"
    careful = decide(faint, certainty=0.95)
    assert careful.choice == "mined only"
    for decision in (decide(faint, certainty=0.5), careful):
        assert "cannot tell" in decision.sentence
    assert "95% likely" in careful.sentence and "held back" in careful.sentence


@pytest.mark.parametrize("certainty", [0.5, 0.8, 0.975])
def test_a_mean_below_never_spends_money(certainty: float) -> None:
    assert decide(scored(-0.004, 0.1), certainty=certainty).held_back


def test_the_best_of_several_must_be_surer_than_one_alone() -> None:
    alone = scored(0.012, 0.1)
    twin = Scored("margin", 1, alone[1].values - 1e-6)
    one, best_of_two = decide(alone), decide([*alone, twin])
    assert one.differences["hybrid"] == best_of_two.differences["hybrid"]
    assert 0.5 < best_of_two.likelihood < one.likelihood
    between = (best_of_two.likelihood + one.likelihood) / 2
    assert not decide(alone, certainty=between).held_back
    assert decide([*alone, twin], certainty=between).held_back
