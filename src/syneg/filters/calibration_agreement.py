"""How far two judges agree beyond what chance alone would bring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.filters.calibration import Z


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two judges agree on which texts are relevant, beyond chance.

    Attributes:
        both: Texts that both call relevant.
        first_only: Texts that only the first does.
        second_only: Texts that only the second does.
        neither: Texts that neither does.

    Example:
        >>> one = Agreement(20, 5, 10, 15)
        >>> f"{one.kappa:.2f} ({one.low:.2f} to {one.high:.2f})"
        '0.40 (0.15 to 0.65)'
    """

    both: int
    first_only: int
    second_only: int
    neither: int

    @classmethod
    def between(cls, first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> Agreement:
        """Count over what each of two judges says of the same texts."""
        tables = (first & second, first & ~second, ~first & second, ~first & ~second)
        return cls(*(int(one.sum()) for one in tables))

    @property
    def total(self) -> int:
        """Texts that both have judged."""
        return self.both + self.first_only + self.second_only + self.neither

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (1960), in [-1, 1]; None where chance alone would agree on all."""
        found = self._kappa_and_error()
        return None if found is None else found[0]

    @property
    def low(self) -> float | None:
        """Lower end of kappa's 95% interval (Fleiss, Cohen and Everitt 1969)."""
        found = self._kappa_and_error()
        return None if found is None else max(-1.0, found[0] - Z * found[1])

    @property
    def high(self) -> float | None:
        """Upper end of kappa's interval."""
        found = self._kappa_and_error()
        return None if found is None else min(1.0, found[0] + Z * found[1])

    def as_dict(self) -> dict[str, Any]:
        """Return kappa, its interval and the four counts as JSON takes them."""
        return {
            "kappa": _rounded(self.kappa),
            "low": _rounded(self.low),
            "high": _rounded(self.high),
            "both": self.both,
            "first_only": self.first_only,
            "second_only": self.second_only,
            "neither": self.neither,
        }

    def _kappa_and_error(self) -> tuple[float, float] | None:
        if not self.total:
            return None
        table = np.array([[self.both, self.first_only], [self.second_only, self.neither]])
        shares = table / self.total
        first, second = shares.sum(axis=1), shares.sum(axis=0)
        expected = float(first @ second)
        if expected == 1:
            return None
        kappa = float((np.trace(shares) - expected) / (1 - expected))
        agreeing = sum(
            shares[one, one] * (1 - (first[one] + second[one]) * (1 - kappa)) ** 2
            for one in range(2)
        )
        differing = (1 - kappa) ** 2 * sum(
            shares[one, 1 - one] * (second[one] + first[1 - one]) ** 2 for one in range(2)
        )
        chance = (kappa - expected * (1 - kappa)) ** 2
        variance = float(agreeing + differing - chance) / (self.total * (1 - expected) ** 2)
        return kappa, math.sqrt(max(variance, 0.0))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
