from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.files import write_json
from syneg.studies.instruments.similarity import above_positive, overlap, similarity_histograms

COSINES = st.lists(st.floats(-1, 1), max_size=40)
SOME = st.lists(st.floats(-1, 1), min_size=1, max_size=40)


@given(st.dictionaries(st.sampled_from(["llm", "dense", "bm25"]), COSINES), st.integers(1, 50))
def test_every_similarity_is_counted_once(given_by: dict[str, list[float]], bins: int) -> None:
    found = similarity_histograms(given_by, bins)
    assert len(found["edges"]) == bins + 1
    assert found["sources"].keys() == given_by.keys()
    for source, values in given_by.items():
        one = found["sources"][source]
        assert sum(one["counts"]) == one["count"] == len(values)
        assert len(one["counts"]) == bins
        if values:
            assert one["mean"] == pytest.approx(np.mean(values))
            assert one["quartiles"] == sorted(one["quartiles"])


def test_a_source_without_values_can_be_written(tmp_path: Path) -> None:
    found = similarity_histograms({"llm": []})
    write_json(tmp_path / "histograms.json", found)
    assert found["sources"]["llm"]["mean"] is None


@given(SOME, SOME)
def test_overlap_is_a_share_and_the_same_both_ways(first: list[float], second: list[float]) -> None:
    value = overlap(first, second)
    assert -1e-12 <= value <= 1 + 1e-12
    assert value == pytest.approx(overlap(second, first))
    assert overlap(first, first) == pytest.approx(1)


def test_overlap_of_two_normal_distributions_is_the_known_one() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(0.3, 0.1, 20_000), generator.normal(0.5, 0.1, 20_000)
    # 2 Φ(-1): the means are two standard deviations apart.
    assert overlap(first, second) == pytest.approx(0.317, abs=0.02)


@given(SOME)
def test_a_negative_or_its_positive_is_above_or_they_are_equal(values: list[float]) -> None:
    other = values[::-1]
    ties = np.mean(np.array(values) == np.array(other))
    assert above_positive(values, other) + above_positive(other, values) + ties == pytest.approx(1)


def test_wrong_values_are_named() -> None:
    with pytest.raises(ValueError, match="'llm' hold 1 that are not finite"):
        similarity_histograms({"llm": [0.1, float("nan")]})
    with pytest.raises(ValueError, match="0 bins"):
        similarity_histograms({}, bins=0)
    with pytest.raises(ValueError, match="list of numbers"):
        similarity_histograms({"llm": [[0.1]]})
    with pytest.raises(ValueError, match="no overlap"):
        overlap([], [0.1])
    with pytest.raises(ValueError, match="2 negatives and 1 positives"):
        above_positive([0.1, 0.2], [0.3])
    with pytest.raises(ValueError, match="0 negatives"):
        above_positive([], [])
