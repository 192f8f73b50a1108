"""Which requests have been met already, eight bytes for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_Numbers = npt.NDArray[np.uint64]


class SeenKeys:
    """A set of request keys that takes eight bytes a key, however many there are.

    The keys are kept as sorted arrays, each at least twice as long as the next; adding some
    merges those at the end that have become as long as what is added.

    Example:
        >>> seen = SeenKeys()
        >>> seen.add(["00000000000000aa", "00000000000000bb", "00000000000000aa"])
        [True, True, False]
        >>> seen.add(["00000000000000bb", "00000000000000cc"])
        [False, True]
        >>> len(seen)
        3
    """

    def __init__(self) -> None:
        self._sorted: list[_Numbers] = []

    def __len__(self) -> int:
        return sum(map(len, self._sorted))

    def add(self, keys: Sequence[str]) -> list[bool]:
        """Add keys, and tell of each whether it is new.

        Args:
            keys: Keys as `ChatRequest.key` makes them: 16 hexadecimal digits.

        Returns:
            One truth value for each key, False for those met before, also within `keys`.
        """
        if not keys:
            return []
        numbers = np.array([int(key, 16) for key in keys], dtype=np.uint64)
        different, first = np.unique(numbers, return_index=True)
        is_new = np.ones(len(different), dtype=bool)
        for earlier in self._sorted:
            places = np.searchsorted(earlier, different)
            places[places == len(earlier)] = 0
            is_new &= earlier[places] != different
        self._merge(different[is_new])
        told = np.zeros(len(keys), dtype=bool)
        told[first[is_new]] = True
        return [bool(one) for one in told]

    def _merge(self, numbers: _Numbers) -> None:
        if not len(numbers):
            return
        while self._sorted and len(self._sorted[-1]) < 2 * len(numbers):
            numbers = np.sort(np.concatenate([self._sorted.pop(), numbers]), kind="stable")
        self._sorted.append(numbers)
