from __future__ import annotations

import builtins
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from syneg.encoders import nearest
from syneg.encoders.given import open_vectors
from syneg.encoders.nearest import SearchMethod, SearchOptions, search_store
from syneg.encoders.store import VectorStore
from syneg.errors import InputError, MissingExtraError


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    generator = np.random.default_rng(0)
    groups = generator.standard_normal((60, 24))
    found = groups[generator.integers(0, 60, 3000)] + 0.7 * generator.standard_normal((3000, 24))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def stored(vectors: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> VectorStore:
    path = tmp_path_factory.mktemp("given") / "vectors.npy"
    np.save(path, vectors)
    return open_vectors(path)


@pytest.fixture(scope="module")
def queries(vectors: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal((200, 24))
    return (vectors[:200] + 0.1 * noise).astype(np.float32)


@pytest.mark.parametrize("method", ["flat", "ivf", "hnsw"])
def test_an_index_finds_what_its_recall_says(
    stored: VectorStore, queries: np.ndarray, method: str
) -> None:
    pytest.importorskip("faiss")
    exact = search_store(queries, stored, 10)
    options = SearchOptions(SearchMethod(method), target_recall=0.9, sample=50)
    found = search_store(queries, stored, 10, options)
    assert (exact.method, exact.recall, exact.sampled) == (SearchMethod.EXACT, 1.0, 0)
    assert (found.method.value, found.sampled) == (method, 50)
    assert found.recall >= 0.9
    shared = [len(set(one) & set(other)) for one, other in zip(found.rows, exact.rows, strict=True)]
    assert np.mean(shared) / 10 >= 0.8
    assert (np.diff(found.scores, axis=1) <= 0).all()
    if method == "flat":
        assert found.recall > 0.999
        np.testing.assert_allclose(found.scores, exact.scores, atol=1e-5)


@pytest.mark.parametrize("method", ["ivf", "hnsw"])
def test_an_index_gives_the_same_result_again(
    stored: VectorStore, queries: np.ndarray, method: str
) -> None:
    pytest.importorskip("faiss")
    options = SearchOptions(SearchMethod(method), sample=20, seed=3)
    one, other = (search_store(queries, stored, 5, options) for _ in range(2))
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.scores, other.scores)
    assert (one.recall, one.effort) == (other.recall, other.effort)


def test_a_recall_that_cannot_be_reached_is_told(
    stored: VectorStore, queries: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("faiss")
    few = np.tile(queries[:3], (1, 1))
    with caplog.at_level(logging.WARNING):
        found = search_store(few, stored, 2000, SearchOptions(SearchMethod.HNSW, target_recall=1))
    assert (found.recall < 1) == ("asked for" in caplog.text)


def test_auto_goes_by_the_size_of_the_corpus(
    stored: VectorStore, queries: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    assert search_store(queries, stored, 3).method is SearchMethod.EXACT
    monkeypatch.setattr(nearest, "MOST_FOR_EXACT", 1000)
    assert search_store(queries, stored, 3).method is SearchMethod.IVF


def test_without_faiss_auto_is_exact_and_the_others_name_the_install_line(
    stored: VectorStore, queries: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_faiss(name: str, *rest: Any, **more: Any) -> Any:
        if name == "faiss":
            raise ImportError("No module named 'faiss'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_faiss)
    monkeypatch.setattr(nearest, "MOST_FOR_EXACT", 1000)
    assert search_store(queries, stored, 3).method is SearchMethod.EXACT
    with pytest.raises(MissingExtraError, match=r"pip install 'syneg\[faiss\]'"):
        search_store(queries, stored, 3, SearchOptions(SearchMethod.HNSW))


def test_a_corpus_smaller_than_the_depth_gives_what_there_is(
    tmp_path: Path, queries: np.ndarray
) -> None:
    path = tmp_path / "few.npy"
    np.save(path, queries[:4])
    few = open_vectors(path)
    for method in ("exact", "flat", "ivf", "hnsw"):
        if method != "exact":
            pytest.importorskip("faiss")
        found = search_store(queries[:2], few, 10, SearchOptions(SearchMethod(method)))
        assert found.rows.shape == (2, 4)
        assert sorted(found.rows[0].tolist()) == [0, 1, 2, 3]


def test_an_empty_corpus_and_no_queries_give_nothing(
    tmp_path: Path, stored: VectorStore, queries: np.ndarray
) -> None:
    nothing = VectorStore(tmp_path, 0, 0)
    for method in SearchMethod:
        options = SearchOptions(method)
        assert search_store(queries, nothing, 3, options).rows.shape == (200, 0)
        assert search_store(queries[:0], stored, 3, options).rows.shape[0] == 0


def test_wrong_input_is_refused(stored: VectorStore, queries: np.ndarray) -> None:
    with pytest.raises(InputError, match="8 dimensions and the stored vectors 24"):
        search_store(queries[:, :8], stored, 3)
    with pytest.raises(InputError, match="depth"):
        search_store(queries, stored, 0)
    for wrong in ({"target_recall": 0.0}, {"target_recall": 1.5}, {"sample": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            SearchOptions(**wrong)
    broken = queries.copy()
    broken[1, 2] = np.nan
    for method in ("exact", "flat"):
        with pytest.raises(InputError, match="not finite"):
            search_store(broken, stored, 3, SearchOptions(SearchMethod(method)))


def test_auto_searches_exactly_what_the_sample_would_hold_anyway(
    stored: VectorStore, queries: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "MOST_FOR_EXACT", 1000)
    assert search_store(queries[:100], stored, 3).method is SearchMethod.EXACT


@pytest.mark.parametrize("method", ["exact", "flat", "ivf", "hnsw"])
def test_a_document_whose_vector_is_no_number_is_told(
    tmp_path: Path, vectors: np.ndarray, queries: np.ndarray, method: str
) -> None:
    if method != "exact":
        pytest.importorskip("faiss")
    broken = vectors.copy()
    broken[17, 3] = np.nan
    np.save(tmp_path / "broken.npy", broken)
    store = VectorStore(tmp_path, len(broken), 0, (tmp_path / "broken.npy",), (0,))
    with pytest.raises(InputError, match=r"not finite.*17"):
        search_store(queries, store, 3, SearchOptions(SearchMethod(method)))
