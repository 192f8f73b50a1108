from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from syneg.encoders.given import open_vectors
from syneg.errors import InputError


def saved(folder: Path, array: np.ndarray) -> Path:
    path = folder / "vectors.npy"
    np.save(path, array)
    return path


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_vectors_of_any_float_are_taken(tmp_path: Path, kind: type) -> None:
    store = open_vectors(saved(tmp_path, np.arange(12, dtype=kind).reshape(4, 3)))
    taken = store.take([3, 0])
    assert taken.dtype == np.float32
    assert taken.tolist() == [[9, 10, 11], [0, 1, 2]]


def test_a_matrix_without_rows_is_an_empty_store(tmp_path: Path) -> None:
    store = open_vectors(saved(tmp_path, np.zeros((0, 3), np.float32)))
    assert store.rows == 0
    assert list(store.blocks()) == []


@pytest.mark.parametrize(
    "array",
    [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((2, 2), np.int64), np.array([["a"]])],
    ids=["one dimension", "three dimensions", "whole numbers", "words"],
)
def test_what_is_no_matrix_of_floats_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(InputError, match="not a matrix of floating-point numbers"):
        open_vectors(saved(tmp_path, array))


def test_other_rows_or_dimensions_than_needed_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros((4, 3)))
    with pytest.raises(InputError, match="has 4 rows, and 5 are needed"):
        open_vectors(path, rows=5)
    with pytest.raises(InputError, match="has 3 dimensions, and 384 are needed"):
        open_vectors(path, dimensions=384)


def test_a_row_that_is_not_finite_is_named(tmp_path: Path) -> None:
    array = np.zeros((70_000, 2), np.float32)
    array[69_000, 1] = np.nan
    with pytest.raises(InputError, match=r"'row'.*69000"):
        open_vectors(saved(tmp_path, array))


def test_a_truncated_a_missing_and_a_pickled_file_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros((100, 3)))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match="cannot be read"):
        open_vectors(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read"):
        open_vectors(path)
    with pytest.raises(InputError, match="no such file"):
        open_vectors(tmp_path / "nothing.npy")
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        open_vectors(path)
