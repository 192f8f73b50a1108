from __future__ import annotations

import math
import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.hardness import Band, check_hardness, hardness_bands, hardness_findings
from syneg.filters.options import GateOptions
from syneg.filters.run import judge_synthetic
from syneg.negatives.pool import standing_decisions
from syneg.negatives.record import Negative, to_table
from syneg.negatives.verdict import Decision

OPTIONS = GateOptions(hardness_lowest=0.1, hardness_highest=0.9)
SIMILARITY = st.floats(-1, 1, width=32)


def mined(query: str, similarities: list[float | None], source: str = "dense") -> list[Negative]:
    return [
        Negative(
            negative_id=f"{query}-{source}-{number}", query_id=query, positive_id="d1",
            source=source, doc_id=f"x{number}", query_similarity=similarity,
        )
        for number, similarity in enumerate(similarities)
    ]  # fmt: skip


def written(name: str, similarity: float | None, query: str = "q1") -> Negative:
    return Negative(
        negative_id=name, query_id=query, positive_id="d1", source="llm",
        text="Clouds look white because their large droplets send all colours about equally.",
        query_similarity=similarity,
    )  # fmt: skip


@given(SIMILARITY, SIMILARITY, SIMILARITY)
def test_what_lies_in_the_band_is_kept_and_nothing_is_dropped(
    first: float, second: float, similarity: float
) -> None:
    band = Band(min(first, second), max(first, second))
    finding = check_hardness(similarity, band)
    assert not finding.drop
    assert finding.mark is not (band.low <= similarity <= band.high)
    assert (finding.reason is not None) is finding.mark


@given(st.lists(SIMILARITY, min_size=2, max_size=20, unique=True))
def test_the_score_rises_with_the_similarity(similarities: list[float]) -> None:
    band = Band(-0.5, 0.5)
    scores = [check_hardness(one, band).score for one in sorted(similarities)]
    assert scores == sorted(scores, key=lambda score: score if score is not None else math.nan)


@pytest.mark.parametrize("similarity", [None, math.nan, math.inf])
def test_without_a_similarity_nothing_is_told(similarity: float | None) -> None:
    assert check_hardness(similarity, Band(0.1, 0.2), 0.3).score is None
    assert not check_hardness(similarity, Band(0.1, 0.2), 0.3).mark


def test_a_band_needs_enough_mined_negatives_that_somebody_looked_for() -> None:
    table = to_table(
        [
            *mined("q1", [0.0, 0.25, 0.5, 0.75, 1.0]),
            *mined("q1", [-1.0] * 50, source="random"),
            *mined("q2", [0.1, 0.2, 0.3, 0.4, None]),
            *mined("q3", [0.1, 0.2, 0.3]),
            *mined("q3", [0.1, 0.2, 0.3], source="bm25"),  # the same three documents
        ]
    )
    bands = hardness_bands(table, GateOptions(hardness_lowest=0.25, hardness_highest=0.5))
    assert bands == {"q1": Band(0.25, 0.5)}
    assert hardness_bands(to_table([]), OPTIONS) == {}


def test_the_order_of_mined_negatives_does_not_matter() -> None:
    rows = [*mined("q1", [0.1, 0.5, 0.2, 0.9, 0.4]), *mined("q2", [0.3, 0.1, 0.2, 0.7, 0.6])]
    expected = hardness_bands(to_table(rows), OPTIONS)
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert hardness_bands(to_table(rows), OPTIONS) == expected


def test_every_row_is_looked_at_with_its_own_band_and_positive() -> None:
    rows = to_table([written("a", 0.3), written("b", 0.3, "q2"), written("c", 0.9, "q3")])
    bands = to_table(
        [*mined("q1", [0.1, 0.2, 0.3, 0.4, 0.5]), *mined("q2", [0.5, 0.6, 0.7, 0.8, 0.9])]
    )
    found = hardness_findings(rows, bands, {("q3", "d1"): 0.8}, OPTIONS)
    assert [one.mark for one in found] == [False, True, True]
    assert found[1].reason is not None and "easier" in found[1].reason
    assert found[2].reason is not None and "its positive" in found[2].reason


def test_marked_negatives_stand(tiny: RetrievalDataset) -> None:
    pool = to_table([written("a", 0.99), *mined("q1", [0.1, 0.2, 0.3, 0.4, 0.5])])
    pool = pool.set_column(4, "doc_id", pa.array([None, *["d3"] * 5], pa.string()))
    fewer = GateOptions(hardness_fewest=2)
    verdicts = judge_synthetic(pool, tiny, fewer, positive_similarity={("q1", "d1"): 0.9})
    decisions = dict(
        zip(verdicts["filter"].to_pylist(), verdicts["decision"].to_pylist(), strict=True)
    )
    assert decisions["hardness"] == "mark"
    assert standing_decisions(verdicts) == {"a": Decision.KEEP}
