from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.negatives.record import Negative, to_table
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision, verdicts_from_table
from syneg.studies.instruments.source_style import (
    recognition_weights,
    select_synthetic,
    within_range,
)

VALUES = st.lists(st.floats(-1, 1), min_size=1, max_size=40)
QUANTILES = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@given(VALUES, VALUES, QUANTILES)
def test_what_is_within_lies_between_the_quantiles(
    synthetic: list[float], mined: list[float], quantiles: list[float]
) -> None:
    mask = within_range(synthetic, mined, *quantiles)
    least, most = np.quantile(mined, quantiles)
    assert mask.tolist() == [bool(least <= value <= most) for value in synthetic]
    whole = within_range(synthetic, mined, 0, 1)
    assert (whole | ~mask).all()
    assert within_range(mined, mined, 0, 1).all()


def test_a_value_that_is_no_number_is_never_within() -> None:
    assert within_range([float("nan"), 0.5], [0, 1]).tolist() == [False, True]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.01, 1))
def test_weights_have_mean_one_and_fall_with_the_probability(
    probability: list[float], least: float
) -> None:
    weights = recognition_weights(probability, least)
    assert weights.mean() == pytest.approx(1)
    assert (weights > 0).all()
    assert weights.max() / weights.min() <= 1 / least * (1 + 1e-9)
    ordered = weights[np.argsort(probability)]
    assert (np.diff(ordered) <= 1e-12).all()


def test_a_set_that_is_recognised_throughout_weighs_the_same_throughout() -> None:
    assert recognition_weights([0.97, 0.99, 1.0]) == pytest.approx(1.0)
    assert recognition_weights([]).tolist() == []


@pytest.fixture(scope="module")
def dataset() -> RetrievalDataset:
    # Documents of 10 to 30 words.
    corpus = [(f"d{size}", "Title", "word " * (size - 1)) for size in range(10, 31)]
    return RetrievalDataset.from_rows("sizes", corpus=corpus, queries=[("q1", "?")], qrels={})


def mined(size: int, similarity: float | None, source: str = "dense") -> Negative:
    return Negative(
        negative_id=f"{source}-{size}",
        query_id="q1",
        positive_id="p1",
        source=source,
        doc_id=f"d{size}",
        query_similarity=similarity,
    )


def written(name: str, size: int, similarity: float | None = 0.5, **more: Any) -> Negative:
    return Negative(
        negative_id=name,
        query_id="q1",
        positive_id="p1",
        source="llm",
        query_similarity=similarity,
        **{"title": "Title", "text": "word " * (size - 1), **more},
    )


POOL = [mined(size, size / 50) for size in range(10, 31)]


def reasons(rows: list[Negative], dataset: RetrievalDataset, **options: Any) -> dict[str, Any]:
    table = select_synthetic(to_table(rows), dataset, **options)
    assert table.schema == VERDICT_SCHEMA
    found = verdicts_from_table(table)
    assert all((one.reason is None) == (one.decision is Decision.KEEP) for one in found)
    return {one.negative_id: one.reason for one in found}


def test_only_what_is_like_the_mined_negatives_is_kept(dataset: RetrievalDataset) -> None:
    rows = [
        written("fine", 20),
        written("longest", 29),
        written("short", 9),
        written("long", 31),
        written("far", 20, 0.1),
        written("close", 20, 0.9),
        written("blank", 20, None, text=None, problem="cut off"),
    ]
    found = reasons([*POOL, *rows], dataset)
    assert found == {
        "fine": None,
        "longest": None,
        "short": "length in words 9 is outside the mined negatives' 11 to 29",
        "long": "length in words 31 is outside the mined negatives' 11 to 29",
        "far": "similarity to the query 0.1 is outside the mined negatives' 0.22 to 0.58",
        "close": "similarity to the query 0.9 is outside the mined negatives' 0.22 to 0.58",
        "blank": "there is no text or no similarity",
    }


def test_what_is_recognised_is_dropped(dataset: RetrievalDataset) -> None:
    rows = [*POOL, written("natural", 20), written("stiff", 20), written("even", 20)]
    recognised = {"natural": 0.2, "stiff": 0.97, "even": 0.5}
    found = reasons(rows, dataset, recognised=recognised)
    assert found["natural"] is None
    assert found["stiff"] == "it is recognised as generated with probability 0.97"
    assert found["even"] is not None
    assert reasons(rows, dataset, recognised=recognised, recognised_below=0.98)["stiff"] is None
    table = select_synthetic(to_table(rows), dataset, recognised=recognised)
    assert table["score"].to_pylist() == [0.2, 0.97, 0.5]


def test_random_negatives_and_those_without_similarity_set_no_range(
    dataset: RetrievalDataset,
) -> None:
    rows = [*POOL, *(mined(30, 0.01, "random") for _ in range(50)), mined(30, None)]
    assert reasons([*rows, written("far", 20, 0.1)], dataset)["far"] is not None


def test_other_settings_have_another_fingerprint(dataset: RetrievalDataset) -> None:
    rows = to_table([*POOL, written("fine", 20)])
    prints = {
        select_synthetic(rows, dataset, **options)["fingerprint"][0].as_py()
        for options in ({}, {"low": 0.1}, {"recognised": {"fine": 0.1}})
    }
    assert len(prints) == 3


def test_wrong_input_is_named(dataset: RetrievalDataset) -> None:
    with pytest.raises(InputError, match="no mined negatives"):
        select_synthetic(to_table([written("a", 20)]), dataset)
    with pytest.raises(ValueError, match="'a' has no probability"):
        select_synthetic(to_table([*POOL, written("a", 20)]), dataset, recognised={})
    with pytest.raises(ValueError, match="no mined negatives"):
        within_range([0.5], [])
    with pytest.raises(ValueError, match="quantiles"):
        within_range([0.5], [0.5], 0.9, 0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        recognition_weights([1.5])
    with pytest.raises(ValueError, match="smallest weight"):
        recognition_weights([0.5], least=0)
