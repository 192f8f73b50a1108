"""Finding, fast and with a known error, which documents can be among a query's best.

A product of matrices gives approximate scores of many pairs at once. How far they can be off
is known, so the pairs that it leaves for an exact look hold all of the best.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from syneg.encoders.contract import Precision, Vectors
from syneg.errors import MissingExtraError

# The largest relative error of rounding to 8 and to 24 significant bits.
_UNIT_BFLOAT16 = 2.0**-8
_UNIT_FLOAT32 = 2.0**-24

Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def largest_error(dimensions: int, precision: Precision) -> float:
    """Return how far an approximate score can be from the exact one.

    Both are sums of `dimensions` products in float32; in any order, each is off by at most
    dimensions · 2⁻²⁴ of the two vectors' lengths multiplied (Higham, Accuracy and Stability
    of Numerical Algorithms, section 3.1). bfloat16 rounds both vectors and the result besides.

    Args:
        dimensions: Numbers in a vector.
        precision: In which numbers the approximate score is computed.

    Returns:
        The error for two vectors of length 1.

    Example:
        >>> round(largest_error(384, Precision.FLOAT32), 6)
        4.7e-05
    """
    unit = (dimensions + 8) * _UNIT_FLOAT32
    error = 2 * unit / (1 - unit)
    if precision is Precision.BFLOAT16:
        inputs = 2 * _UNIT_BFLOAT16 + _UNIT_BFLOAT16**2
        error += inputs + _UNIT_BFLOAT16 * (1 + inputs + error) + inputs * unit
    return error


class Screen(Protocol):
    """Approximate scores of one block of documents at a time."""

    def load(self, block: Vectors) -> None:
        """Take the next block of documents, shape (documents, dimensions)."""
        ...  # pragma: no cover

    def candidates(
        self, first: int, last: int, floor: Floats, margin: Floats, depth: int | None
    ) -> Places:
        """Return the pairs that may be among the best.

        Args:
            first: The first query.
            last: The query after the last.
            floor: An approximate score below it cannot be of interest, shape (queries,).
            margin: How far an approximate score can be off, shape (queries,).
            depth: Raise the floor to what the block's own best `depth` documents must reach;
                None does not.

        Returns:
            query · documents + document of each, in ascending order; the query is counted
            from `first`.
        """
        ...  # pragma: no cover


class NumpyScreen:
    """Screens in float32 on the processor.

    Args:
        queries: Shape (queries, dimensions).
    """

    def __init__(self, queries: Vectors) -> None:
        self._queries = queries
        self._block = queries[:0]
        self._scores = np.empty(0, np.float32)
        self._chosen = np.empty(0, bool)

    def load(self, block: Vectors) -> None:
        """Take the next block of documents, shape (documents, dimensions)."""
        self._block = block

    def candidates(
        self, first: int, last: int, floor: Floats, margin: Floats, depth: int | None
    ) -> Places:
        """Return the pairs that may be among the best."""
        size = (last - first) * len(self._block)
        # Memory that is asked for anew each time costs more than the comparison.
        if size > self._scores.size:
            self._scores, self._chosen = np.empty(size, np.float32), np.empty(size, bool)
        scores = self._scores[:size].reshape(last - first, -1)
        np.matmul(self._queries[first:last], self._block.T, out=scores)
        if depth is not None:
            place = scores.shape[1] - depth
            own = np.partition(scores, place, axis=1)[:, place]
            floor = np.maximum(floor, own - 2 * margin)
        chosen = self._chosen[:size].reshape(scores.shape)
        np.greater_equal(scores, _rounded_down(floor)[:, None], out=chosen)
        return np.flatnonzero(chosen)


class TorchScreen:
    """Screens with PyTorch: on a GPU, or in bfloat16 on the processor.

    Args:
        queries: Shape (queries, dimensions).
        precision: In which numbers to compute.
        device: For example "cuda:0" or "cpu".

    Raises:
        MissingExtraError: PyTorch is not installed.
    """

    def __init__(self, queries: Vectors, precision: Precision, device: str) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("torch", "train") from error
        kind = torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32
        self._queries = torch.from_numpy(queries).to(device).to(kind)
        self._block = self._queries[:0]
        self._scores = torch.empty(0, dtype=kind, device=device)
        self._chosen = torch.empty(0, dtype=torch.bool, device=device)

    def load(self, block: Vectors) -> None:
        """Take the next block of documents, shape (documents, dimensions)."""
        import torch

        self._block = torch.from_numpy(block).to(self._queries.device).to(self._queries.dtype)

    def candidates(
        self, first: int, last: int, floor: Floats, margin: Floats, depth: int | None
    ) -> Places:
        """Return the pairs that may be among the best."""
        import torch

        size = (last - first) * len(self._block)
        if size > len(self._scores):
            self._scores = torch.empty(size, dtype=self._scores.dtype, device=self._scores.device)
            self._chosen = torch.empty(size, dtype=torch.bool, device=self._scores.device)
        scores = self._scores[:size].view(last - first, -1)
        with _full_float32():
            torch.mm(self._queries[first:last], self._block.T, out=scores)
        if depth is not None:
            own = torch.topk(scores, depth, dim=1).values[:, -1].double().cpu().numpy()
            floor = np.maximum(floor, own - 2 * margin)
        lowest = _rounded_up(torch.from_numpy(_rounded_down(floor)), scores.dtype)
        chosen = self._chosen[:size].view(scores.shape)
        torch.ge(scores, lowest.to(scores.device)[:, None], out=chosen)
        if chosen.device.type == "cpu":
            return np.flatnonzero(chosen.numpy())
        places: Places = chosen.flatten().nonzero()[:, 0].cpu().numpy()
        return places


def _rounded_up(floor: Any, kind: Any) -> Any:
    # Scores of a kind are at least `floor` if they are at least the next number of that kind.
    import torch

    rounded = floor.to(kind)
    above = torch.nextafter(rounded, torch.full_like(rounded, torch.inf))
    return torch.where(rounded.float() < floor, above, rounded)


def _rounded_down(floor: Floats) -> Vectors:
    # A floor that float32 cannot hold must not become a higher one.
    with np.errstate(over="ignore"):
        rounded = floor.astype(np.float32)
    return np.where(rounded > floor, np.nextafter(rounded, np.float32(-np.inf)), rounded)


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    # A program may have allowed products of float32 in fewer bits.
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
