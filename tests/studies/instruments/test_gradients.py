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
from syneg.studies.instruments.gradients import gradient_shares

Array = npt.NDArray[np.float64]
TEMPERATURES = st.sampled_from([0.02, 0.05, 0.2, 1.0])


def unit(generator: np.random.Generator, *shape: int) -> Array:
    vectors = generator.normal(size=shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def case(seed: int) -> tuple[Array, Array, Array, npt.NDArray[np.bool_]]:
    generator = np.random.default_rng(seed)
    count, negatives = generator.integers(1, 5), generator.integers(1, 6)
    return (
        unit(generator, count, 6),
        unit(generator, count, 6),
        unit(generator, count, negatives, 6),
        generator.random((count, negatives)) < 0.5,
    )


def loss(query: Array, positive: Array, negatives: Array, temperature: float) -> float:
    scores = np.concatenate([[query @ positive], negatives @ query]) / temperature
    return float(np.logaddexp.reduce(scores) - scores[0])


@given(st.integers(0, 10_000), TEMPERATURES)
def test_the_norm_is_that_of_the_numerical_gradient(seed: int, temperature: float) -> None:
    query, positive, negatives, synthetic = case(seed)
    shares = gradient_shares(query, positive, negatives, synthetic, temperature=temperature)
    step = 1e-6
    for row in range(len(query)):
        slopes = []
        for axis in np.eye(6):
            ends = (
                loss(query[row] + sign * step * axis, positive[row], negatives[row], temperature)
                for sign in (1, -1)
            )
            slopes.append(next(ends) - next(ends))
        expected = np.linalg.norm(slopes) / (2 * step)
        assert shares.norm[row] == pytest.approx(expected, rel=1e-4, abs=1e-5)


@given(st.integers(0, 10_000), TEMPERATURES)
def test_the_parts_follow_the_formula(seed: int, temperature: float) -> None:
    query, positive, negatives, synthetic = case(seed)
    found = gradient_shares(query, positive, negatives, synthetic, temperature=temperature)
    for row in range(len(query)):
        similarities = [query[row] @ positive[row], *(negatives[row] @ query[row])]
        scores = np.exp(np.array(similarities) / temperature)
        mass = scores[1:] / scores.sum()
        parts = {True: np.zeros(6), False: np.zeros(6)}
        for place, vector in enumerate(negatives[row]):
            parts[bool(synthetic[row, place])] += (
                mass[place] * (vector - positive[row]) / temperature
            )
        lengths = {kind: float(np.linalg.norm(part)) for kind, part in parts.items()}
        assert found.negative_mass[row] == pytest.approx(mass.sum())
        assert found.synthetic_share[row] == pytest.approx(mass[synthetic[row]].sum() / mass.sum())
        assert found.synthetic_norm[row] == pytest.approx(lengths[True])
        assert found.retrieved_norm[row] == pytest.approx(lengths[False])
        if synthetic[row].all() or not synthetic[row].any():
            assert np.isnan(found.cosine[row])
        else:
            cosine = parts[True] @ parts[False] / (lengths[True] * lengths[False])
            assert found.cosine[row] == pytest.approx(cosine, abs=1e-6)


@given(st.integers(0, 10_000))
def test_exchanging_the_sources_exchanges_the_parts(seed: int) -> None:
    query, positive, negatives, synthetic = case(seed)
    one = gradient_shares(query, positive, negatives, synthetic, temperature=0.05)
    other = gradient_shares(query, positive, negatives, ~synthetic, temperature=0.05)
    assert one.synthetic_share == pytest.approx(1 - other.synthetic_share)
    assert one.synthetic_norm == pytest.approx(other.retrieved_norm)
    assert one.norm == pytest.approx(other.norm)
    assert one.cosine == pytest.approx(other.cosine, nan_ok=True)
    assert (one.norm <= one.synthetic_norm + one.retrieved_norm + 1e-9).all()


def test_a_positive_with_all_the_mass_leaves_shares_and_no_gradient() -> None:
    query = np.array([[1.0, 0.0]])
    negatives = np.array([[[-1.0, 0.0], [-1.0, 0.0]]])
    shares = gradient_shares(query, query, negatives, np.array([[True, False]]), temperature=0.0005)
    assert shares.norm[0] == 0
    assert shares.synthetic_share[0] == pytest.approx(0.5)
    assert shares.cosine[0] == pytest.approx(1)


def test_a_harder_synthetic_negative_holds_more_of_the_gradient(
    minilm: SentenceEncoder, animal_data: RetrievalDataset, tmp_path: Path
) -> None:
    queries = minilm.encode_queries(animal_data.queries["text"].to_pylist())
    documents = minilm.encode_documents(animal_data.document_texts(range(32)))
    positives, stories = documents[:16], documents[16:]
    # The story about the same animal is close; the positive of the next query is not.
    negatives = np.stack([stories, np.roll(positives, 1, axis=0)], axis=1)
    synthetic = np.tile([True, False], (16, 1))
    shares = gradient_shares(queries, positives, negatives, synthetic, temperature=0.05)
    close = (queries * stories).sum(1) > (queries * np.roll(positives, 1, axis=0)).sum(1)
    assert ((shares.synthetic_share > 0.5) == close).all()
    summary = shares.summary()
    write_json(tmp_path / "gradients.json", summary)
    assert summary["norm"]["count"] == 16
    assert summary["norm"]["variance"] == pytest.approx(np.var(shares.norm, ddof=1))


def test_a_summary_without_values_says_none() -> None:
    query, negative = np.array([[1.0, 0.0]]), np.array([[[0.0, 1.0]]])
    shares = gradient_shares(query, query, negative, np.array([[True]]), temperature=0.05)
    assert shares.summary()["cosine"] == {"count": 0, "mean": None, "variance": None}
    assert shares.summary()["norm"]["variance"] is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"positives": np.ones((2, 2))}, "do not fit"),
        ({"synthetic": np.array([[True, True]])}, "do not fit"),
        ({"synthetic": np.array([[1]])}, "do not fit"),
        ({"negatives": np.zeros((1, 0, 2)), "synthetic": np.zeros((1, 0), bool)}, "do not fit"),
        ({"queries": np.array([[2.0, 0.0]])}, "a query is not of length 1"),
    ],
)
def test_wrong_input_is_named(changed: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {
        "queries": np.array([[1.0, 0.0]]),
        "positives": np.array([[1.0, 0.0]]),
        "negatives": np.array([[[0.0, 1.0]]]),
        "synthetic": np.array([[True]]),
        "temperature": 0.05,
    }
    with pytest.raises(ValueError, match=message):
        gradient_shares(**{**right, **changed})
