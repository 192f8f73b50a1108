"""Checks that the instruments share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def finite_values(values: npt.ArrayLike, what: str) -> npt.NDArray[np.float64]:
    """Return a list of numbers as an array, shape (n,), after a check.

    Args:
        values: Finite numbers.
        what: What they are, for the message.

    Raises:
        ValueError: They are no list, or one of them is no finite number.

    Example:
        >>> finite_values([1, 2], "lengths")
        array([1., 2.])
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{what} must be a list of numbers, not of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} hold {int((~np.isfinite(array)).sum())} that are not finite")
    return array
