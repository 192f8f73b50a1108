"""Vectors that somebody brings along, instead of having them encoded here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from syneg.encoders.store import VectorStore
from syneg.errors import InputError


def open_vectors(
    path: Path, *, rows: int | None = None, dimensions: int | None = None
) -> VectorStore:
    """Return the vectors in a .npy file, memory-mapped, as a store.

    Args:
        path: A matrix of floating-point numbers, one line per document, in corpus order.
        rows: How many documents there must be; None takes what there is.
        dimensions: How many numbers a vector must have; None takes what there is.

    Raises:
        InputError: There is no such file, it is no such matrix, or a number is not finite.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "vectors.npy"
        >>> np.save(path, np.ones((3, 4), np.float32))
        >>> store = open_vectors(path, rows=3)
        >>> store.rows, store.dimensions
        (3, 4)
    """
    matrix = _opened(path)
    for what, found, wanted in (
        ("rows", matrix.shape[0], rows),
        ("dimensions", matrix.shape[1], dimensions),
    ):
        if wanted is not None and found != wanted:
            raise InputError(
                f"the matrix has {found} {what}, and {wanted} are needed",
                file=path,
                field=what,
                value=found,
                remedy="give the vectors of this corpus by the same model, in corpus order",
            )
    store = VectorStore(path.parent, len(matrix), 0, (path,), (0,))
    for first, block in store.blocks():
        wrong = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if wrong.size:
            raise InputError(
                "the vector holds numbers that are not finite",
                file=path,
                field="row",
                value=first + int(wrong[0]),
                remedy="encode this document again, or take it out",
            )
    return store


def _opened(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.floating]]:
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            "cannot be read as a .npy file" if path.is_file() else "there is no such file",
            file=path,
            remedy="write it with numpy.save; a file that was cut off must be written again",
        ) from error
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or matrix.dtype.kind != "f":
        raise InputError(
            "is not a matrix of floating-point numbers with one line per document",
            file=path,
            value=f"{getattr(matrix, 'dtype', '?')}, shape {getattr(matrix, 'shape', '?')}",
            remedy="write it with numpy.save from a float32 array of two dimensions",
        )
    return matrix
