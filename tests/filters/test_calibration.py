from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from syneg.filters.calibration import Rate, prevalence, relevance_probabilities
from syneg.filters.calibration_agreement import Agreement
from syneg.filters.calibration_report import JudgedGroup, KindCalibration, calibrate
from syneg.filters.calibration_threshold import threshold_for
from syneg.filters.judge_answer import Outcome
from syneg.filters.judge_options import JudgeOptions
from syneg.negatives.verdict import Decision

counts = st.integers(0, 300)
cells = st.integers(0, 40)
groups = st.tuples(*[cells] * len(Outcome)).map(lambda found: JudgedGroup("texts", found))
rates = st.integers(0, 500).flatmap(
    lambda total: st.builds(Rate, st.integers(0, total), st.just(total))
)


@given(rates)
def test_an_interval_holds_its_share(rate: Rate) -> None:
    assert 0 <= rate.low <= rate.high <= 1
    if rate.value is None:
        assert (rate.low, rate.high) == (0, 1)
    else:
        assert rate.low <= rate.value <= rate.high
        # Ten times the evidence of the same kind makes it narrower.
        more = Rate(10 * rate.hits, 10 * rate.total)
        assert more.high - more.low < rate.high - rate.low


def test_an_interval_covers_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(0).binomial(120, 0.93, 4_000)
    covering = [rate.low <= 0.93 <= rate.high for rate in (Rate(int(one), 120) for one in drawn)]
    assert 0.93 <= np.mean(covering) <= 0.97


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        Rate(3, 2)


@given(st.integers(0, 1000), st.integers(60, 100), st.integers(60, 100))
def test_the_prevalence_is_found_again(relevant: int, sensitive: int, specific: int) -> None:
    share = relevant / 1000
    flagged = share * sensitive / 100 + (1 - share) * (1 - specific / 100)
    found = prevalence(
        Rate(round(flagged * 10**6), 10**6), Rate(sensitive, 100), Rate(specific, 100)
    )
    assert found == pytest.approx(share, abs=1e-4)


@given(rates, rates, rates)
def test_a_prevalence_is_a_share_or_unknown(flagged: Rate, first: Rate, second: Rate) -> None:
    found = prevalence(flagged, first, second)
    assert found is None or 0 < found < 1


@given(st.floats(0.001, 0.999), st.lists(counts, min_size=4, max_size=4), st.data())
def test_probabilities_average_to_the_prevalence(
    share: float, relevant: list[int], data: st.DataObject
) -> None:
    others = data.draw(st.lists(counts, min_size=4, max_size=4))
    found = relevance_probabilities(share, relevant, others)
    assert ((found > 0) & (found < 1)).all()
    of_relevant, of_others = (
        (np.array(one) + 0.5) / (np.array(one) + 0.5).sum() for one in (relevant, others)
    )
    mixture = share * of_relevant + (1 - share) * of_others
    assert float(found @ mixture) == pytest.approx(share)
    assert np.isnan(relevance_probabilities(None, relevant, others)).all()


@given(cells, cells, cells, cells)
def test_kappa_is_cohens(both: int, first: int, second: int, neither: int) -> None:
    found = Agreement(both, first, second, neither)
    pairs = [(1, 1)] * both + [(1, 0)] * first + [(0, 1)] * second + [(0, 0)] * neither
    if found.kappa is None:
        assert not pairs or len(set(pairs)) == 1
        assert found.low is None
        return
    expected = cohen_kappa_score([one for one, _ in pairs], [one for _, one in pairs])
    assert found.kappa == pytest.approx(expected)
    assert found.low is not None
    assert found.high is not None
    assert -1 <= found.low <= found.kappa + 1e-9
    assert found.kappa - 1e-9 <= found.high <= 1


def test_kappas_interval_covers_as_often_as_it_says() -> None:
    shares = np.array([0.3, 0.1, 0.15, 0.45])
    truth = Agreement(300, 100, 150, 450).kappa
    drawn = np.random.default_rng(0).multinomial(150, shares, 2_000)
    found = [Agreement(*(int(cell) for cell in one)) for one in drawn]
    assert 0.93 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.97  # type: ignore[operator]


@given(groups, groups, groups)
def test_a_judge_is_never_allowed_more_than_it_has_shown(
    relevant: JudgedGroup, others: JudgedGroup, candidates: JudgedGroup
) -> None:
    kind = KindCalibration("mined", relevant, others, candidates, 0.7, 0.8)
    wrong = others.outcomes[Outcome.ANSWERS]
    decision = kind.decision(Outcome.ANSWERS)
    if decision is not Decision.MARK:
        assert Rate(sum(others.readable) - wrong, sum(others.readable)).low >= 0.7
        # Of the relevant it calls more relevant than of the others.
        false_alarms = Rate(wrong, sum(others.readable)).value
        assert (kind.sensitivity.value or 0) > (false_alarms or 0)
    if decision is Decision.RELABEL:
        assert kind.specificity.low >= 0.8
    if kind.decision(Outcome.PARTLY) is Decision.DROP:
        assert decision is not Decision.MARK
    assert kind.decision(Outcome.NO) is Decision.KEEP
    assert kind.decision(Outcome.UNCERTAIN) is Decision.MARK
    assert kind.sentence().endswith(".")
    assert all(one is None or 0 <= one <= 1 for one in kind.probabilities.values())


def test_reviews_are_preferred_where_there_are_enough() -> None:
    def group(name: str, size: int) -> JudgedGroup:
        return JudgedGroup(name, (5, 5, size, 0, 0, 0))

    def chosen(reviews: int) -> str:
        pairs = (group("reviewed", reviews), group("probes", 200))
        options = JudgeOptions(fewest_reviews=50)
        return calibrate("mined", group("candidates", 9), pairs, pairs, options).others.name

    assert (chosen(49), chosen(50)) == ("probes", "reviewed")


@given(st.integers(0, 400), st.sampled_from([0.8, 0.9, 0.97]))
def test_a_threshold_lies_as_low_as_is_safe(count: int, specificity: float) -> None:
    found = threshold_for(range(count), specificity)
    fewest = math.ceil(math.log(0.025) / math.log(specificity))
    assert (found is None) == (count < fewest)
    if found is not None:
        # At least the share asked for is below it, with room for chance.
        assert found + 1 >= specificity * count


def test_a_threshold_keeps_its_word() -> None:
    generator = np.random.default_rng(0)
    kept = 0
    for _ in range(2_000):
        threshold = threshold_for(generator.random(150), 0.9)
        assert threshold is not None
        kept += threshold >= 0.9  # the share of all texts below it
    assert kept / 2_000 >= 0.97


def test_equal_scores_are_never_above_the_threshold() -> None:
    assert threshold_for([1.0] * 200, 0.9) == 1.0
