from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import SentenceEncoder
from syneg.files import write_json
from syneg.studies.instruments.harm import harm, query_independent_scores

SEEDS = st.integers(0, 10_000)
Array = npt.NDArray[np.float64]


def unit(generator: np.random.Generator, *shape: int) -> Array:
    vectors = generator.normal(size=shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@given(SEEDS, st.integers(1, 12), st.integers(2, 9))
def test_scores_are_the_means_over_all_other_queries(seed: int, texts: int, queries: int) -> None:
    generator = np.random.default_rng(seed)
    text, query = unit(generator, texts, 5), unit(generator, queries, 5)
    own = generator.integers(-1, queries, texts)
    expected = [
        np.mean([text[row] @ query[other] for other in range(queries) if other != own[row]])
        for row in range(texts)
    ]
    scores = query_independent_scores(text, query, own)
    assert scores == pytest.approx(expected, abs=1e-12)
    assert (np.abs(scores) <= 1 + 1e-12).all()


def test_a_shift_of_all_scores_is_no_harm() -> None:
    before = {"corpus": [0.1, 0.2, 0.4], "llm": [0.3, 0.2]}
    after = {kind: [value - 0.3 for value in values] for kind, values in before.items()}
    result = harm(before, after)["llm"]
    assert result.change == pytest.approx(-0.3)
    assert result.difference == pytest.approx(0, abs=1e-12)
    assert result.low <= 1e-12
    assert result.high >= -1e-12


def test_texts_pushed_away_from_all_queries_are_found(
    minilm: SentenceEncoder, animal_data: RetrievalDataset
) -> None:
    queries = minilm.encode_queries(animal_data.queries["text"].to_pylist())
    documents = minilm.encode_documents(animal_data.document_texts(range(32)))
    direction = queries.mean(axis=0)
    pushed = documents[16:] - 0.5 * direction
    pushed /= np.linalg.norm(pushed, axis=1, keepdims=True)
    own, none = np.arange(16), np.full(16, -1)
    before = {
        "corpus": query_independent_scores(documents[:16], queries, own),
        "llm": query_independent_scores(documents[16:], queries, none),
    }
    after = {**before, "llm": query_independent_scores(pushed, queries, none)}
    results = harm(before, after)
    assert results["llm"].high < 0
    assert results["llm"].standardised is not None
    assert results["llm"].standardised < -1
    assert harm(before, before)["llm"].difference == 0


@given(SEEDS)
def test_the_reference_can_be_any_kind(seed: int) -> None:
    generator = np.random.default_rng(seed)
    kinds = ("corpus", "llm", "rewritten_positive")
    before = {kind: generator.normal(size=6) for kind in kinds}
    after = {kind: generator.normal(size=6) for kind in kinds}
    to_corpus = harm(before, after)
    to_rewritten = harm(before, after, reference="rewritten_positive")
    assert to_rewritten["corpus"].difference == pytest.approx(
        -to_corpus["rewritten_positive"].difference
    )
    assert to_rewritten["llm"].difference == pytest.approx(
        to_corpus["llm"].difference - to_corpus["rewritten_positive"].difference
    )
    for results, reference in ((to_corpus, "corpus"), (to_rewritten, "rewritten_positive")):
        assert results[reference].difference == results[reference].standard_error == 0
        assert all(one.low <= one.difference <= one.high for one in results.values())


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        change = generator.normal(-0.1, 0.2, 60), generator.normal(0.0, 0.1, 60)
        zero = np.zeros(60)
        result = harm(
            {"llm": zero, "corpus": zero}, dict(zip(("llm", "corpus"), change, strict=True))
        )["llm"]
        held += result.low <= -0.1 <= result.high
        assert result.standardised is None
    assert 0.91 <= held / 400 <= 0.98


def test_a_summary_can_be_written(tmp_path: Path) -> None:
    values = {"corpus": [0.0, 0.0], "llm": [0.1, 0.3]}
    results = harm(values, values)
    write_json(tmp_path / "harm.json", {kind: one.summary() for kind, one in results.items()})


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ([0], "2 texts, but 1 own"),
        ([0, 3], "between -1 and 2"),
        ([0, -2], "between -1 and 2"),
    ],
)
def test_wrong_own_queries_are_named(own: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        query_independent_scores(np.eye(3)[:2], np.eye(3), own)


def test_texts_without_another_query_are_named() -> None:
    with pytest.raises(ValueError, match="besides a text's own"):
        query_independent_scores(np.eye(3)[:1], np.eye(3)[:1], [0])
    with pytest.raises(ValueError, match="of shape"):
        query_independent_scores(np.eye(3), np.eye(4), [0, 0, 0])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({"corpus": [0, 1]}, {"llm": [0, 1]}, "kinds before"),
        ({"llm": [0, 1]}, {"llm": [0, 1]}, "no kind 'corpus'"),
        ({"corpus": [0, 1]}, {"corpus": [0, 1, 2]}, "2 before, 3 after"),
        ({"corpus": [0]}, {"corpus": [0]}, "two or more"),
        ({"corpus": [0, float("nan")]}, {"corpus": [0, 1]}, "not finite"),
    ],
)
def test_scores_that_do_not_fit_are_named(
    before: dict[str, Any], after: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        harm(before, after)
