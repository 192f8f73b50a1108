from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from syneg.encoders import search
from syneg.encoders.contract import Precision
from syneg.encoders.screening import largest_error
from syneg.encoders.search import exact_search
from syneg.encoders.topk import from_keys, merge_results, to_keys
from syneg.errors import InputError

_SCREENS = [
    {"screening": Precision.FLOAT32},
    {"screening": Precision.BFLOAT16},
    # On a GPU the screening takes this path; any other name of a device does too.
    {"screening": Precision.FLOAT32, "device": "cpu:0"},
]


@pytest.fixture(autouse=True, scope="module")
def screening_as_asked_from_the_start() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_BLOCKS_IN_FLOAT32", 0)
        yield


def full_sort(queries: np.ndarray, corpus: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Every product on its own, then every document sorted: what a search must find."""
    shape = (len(queries), len(corpus))
    pairs = np.indices(shape).reshape(2, -1)
    scores = np.einsum("ij,ij->i", queries[pairs[0]], corpus[pairs[1]]).reshape(shape)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    return order, np.take_along_axis(scores, order, axis=1)


def blocks_of(corpus: np.ndarray, cuts: list[int]) -> list[tuple[int, np.ndarray]]:
    edges = sorted({0, len(corpus), *(min(cut, len(corpus)) for cut in cuts)})
    return [(start, corpus[start:end]) for start, end in pairwise(edges)]


@given(
    documents=st.integers(1, 40),
    queries=st.integers(1, 5),
    depth=st.integers(1, 50),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    seed=st.integers(0, 999),
    scale=st.sampled_from([0.0, 1e-30, 1.0, 1e12]),
    how=st.sampled_from(_SCREENS),
)
def test_blocks_give_what_a_full_sort_gives(
    documents: int, queries: int, depth: int, cuts: list[int], seed: int, scale: float, how: dict
) -> None:
    generator = np.random.default_rng(seed)
    # Small whole numbers make many equal scores; small changes make nearly equal ones.
    corpus = generator.integers(-1, 2, (documents, 3)) + generator.integers(0, 2) * (
        1e-6 * generator.standard_normal((documents, 3))
    )
    corpus = (scale * corpus).astype(np.float32)
    asked = generator.integers(-1, 2, (queries, 3)).astype(np.float32)
    rows, scores = exact_search(asked, blocks_of(corpus, cuts), depth, **how)
    expected_rows, expected_scores = full_sort(asked, corpus, depth)
    np.testing.assert_array_equal(scores, expected_scores)
    np.testing.assert_array_equal(rows, expected_rows)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 99_999),
    spread=st.sampled_from([1.0, 0.05, 1e-4]),
    copies=st.integers(1, 6),
    how=st.sampled_from(_SCREENS),
)
def test_crowded_vectors_are_told_apart_to_the_last_bit(
    seed: int, spread: float, copies: int, how: dict
) -> None:
    generator = np.random.default_rng(seed)
    # All in a narrow cone, as those of some encoders are, and with copies.
    middle = generator.standard_normal(48)
    corpus = (middle + spread * generator.standard_normal((120, 48))).astype(np.float32)
    corpus = np.tile(corpus / np.linalg.norm(corpus, axis=1, keepdims=True), (copies, 1))
    corpus = corpus[generator.permutation(len(corpus))]
    asked = corpus[generator.integers(0, len(corpus), 7)]
    rows, scores = exact_search(asked, blocks_of(corpus, [100, 130, 400]), 20, **how)
    expected_rows, expected_scores = full_sort(asked, corpus, 20)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("how", _SCREENS)
def test_the_size_of_the_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch, how: dict) -> None:
    generator = np.random.default_rng(0)
    corpus = generator.standard_normal((3000, 33)).astype(np.float32)
    asked = generator.standard_normal((150, 33)).astype(np.float32)
    before = exact_search(asked, [(0, corpus)], 30)
    monkeypatch.setattr(search, "_BLOCKS_IN_FLOAT32", 3)
    for name, value in (("_QUERIES_AT_ONCE", 7), ("_ROWS_AT_ONCE", 100), ("_PAIRS_AT_ONCE", 11)):
        monkeypatch.setattr(search, name, value)
    after = exact_search(asked, blocks_of(corpus, [10, 20, 1000, 1001, 2900]), 30, **how)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@given(
    scores=arrays.arrays(
        np.float32, (3, 12), elements=st.floats(-2, 2, width=32, allow_subnormal=True)
    ),
    cuts=st.lists(st.integers(0, 12), max_size=3),
    depth=st.integers(1, 15),
)
def test_merged_parts_are_the_whole(scores: np.ndarray, cuts: list[int], depth: int) -> None:
    rows = np.tile(np.arange(12), (3, 1))
    edges = sorted({0, 12, *cuts})
    parts = [
        merge_results([(rows[:, start:end], scores[:, start:end])], depth)
        for start, end in pairwise(edges)
    ]
    merged = merge_results(parts[::-1], depth)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    np.testing.assert_array_equal(merged[0], order)
    np.testing.assert_array_equal(merged[1], np.take_along_axis(scores, order, axis=1))


@given(
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20), st.integers(0, 2**32)
)
def test_keys_keep_scores_and_rows(values: list[float], row: int) -> None:
    scores = np.array(values, np.float32)
    rows = np.full(len(scores), min(row, 2**32 - 1))
    back = from_keys(to_keys(scores, rows))
    np.testing.assert_array_equal(back[0], rows)
    np.testing.assert_array_equal(back[1], scores)
    assert np.array_equal(
        np.argsort(to_keys(scores, rows), kind="stable"), np.argsort(scores, kind="stable")
    )


@given(st.integers(1, 600), st.integers(0, 9999))
def test_the_error_is_no_larger_than_stated(dimensions: int, seed: int) -> None:
    import torch

    generator = np.random.default_rng(seed)
    left, right = generator.standard_normal((2, 1, dimensions)).astype(np.float32)
    exact = float(left.astype(np.float64)[0] @ right.astype(np.float64)[0])
    length = np.linalg.norm(left) * np.linalg.norm(right)
    product = torch.from_numpy(left).bfloat16() @ torch.from_numpy(right).bfloat16().T
    allowed = largest_error(dimensions, Precision.BFLOAT16)
    assert abs(float(product) - exact) <= allowed * float(length)


def test_no_documents_and_no_queries_give_nothing() -> None:
    rows, scores = exact_search(np.ones((2, 3), np.float32), [], 5)
    assert rows.shape == scores.shape == (2, 0)
    rows, scores = exact_search(np.ones((0, 3), np.float32), [(0, np.ones((4, 3), np.float32))], 2)
    assert rows.shape == scores.shape == (0, 2)


def test_vectors_of_another_model_are_refused() -> None:
    with pytest.raises(InputError, match=r"384 dimensions.*768"):
        exact_search(np.ones((1, 384), np.float32), [(0, np.ones((2, 768), np.float32))], 1)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_by_row(wrong: float) -> None:
    good = np.ones((9000, 3), np.float32)
    bad = good.copy()
    bad[8000, 1] = wrong
    with pytest.raises(InputError, match=r"'row'.*a document.*8100"):
        exact_search(good[:1], [(0, good[:100]), (100, bad)], 1)
    with pytest.raises(InputError, match=r"a query.*8000"):
        exact_search(bad, [(0, good)], 1)


def test_vectors_too_long_to_multiply_are_refused() -> None:
    with pytest.raises(InputError, match="length 1"):
        exact_search(np.full((1, 2), 1e20, np.float32), [(0, np.full((1, 2), 1e20, np.float32))], 1)


_SEARCH = """
import sys
from pathlib import Path
import numpy as np
from syneg.encoders.given import open_vectors
from syneg.encoders.search import exact_search

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

store = open_vectors(Path(sys.argv[1]))
queries = np.array(store.take(range(50)))
before = peak()
rows, scores = exact_search(queries, store.blocks(), 10)
assert (rows[:, 0] == np.arange(50)).all()
assert "torch" not in sys.modules
print(peak() - before, peak())
"""


def test_a_file_larger_than_what_is_held_is_searched(tmp_path: Path) -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("the peak of memory is read from /proc")
    path = tmp_path / "vectors.npy"
    matrix = np.lib.format.open_memmap(path, "w+", np.float32, (200_000, 384))
    generator = np.random.default_rng(0)
    piece = generator.standard_normal((5000, 384), dtype=np.float32)
    for start in range(0, 200_000, 5000):
        matrix[start : start + 5000] = piece * (1 - start / 300_000)
    matrix.flush()
    done = subprocess.run(
        [sys.executable, "-c", _SEARCH, str(path)], capture_output=True, text=True, check=True
    )
    grown, peak = (float(one) for one in done.stdout.split())
    # The file has 300 MB.
    assert grown < 150
    assert peak < 280
