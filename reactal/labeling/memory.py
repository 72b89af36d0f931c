"""How much memory a label needs, learnt from those that are done.

M = m0 + m1 x, x = (N / SCALE)^p, N the basis functions as in `cost`. m0, what the program itself takes, and m1 by least squares
of the relative errors, held weakly near PRIOR_MIB; p is the one of EXPONENTS that fits best. Only sums are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["MemoryModel"]

SCALE = 100.0  # functions
EXPONENTS = (3.0, 2.0, 4.0)  # of three-index integrals, of matrices, of amplitudes; the first is taken where they fit alike
PRIOR_MIB = (200.0, 100.0)  # of the program, and of a molecule of SCALE functions beside it
PRIOR_WEIGHT = 1e-3  # of a label
ALIKE = 1.01  # sums of squares that do not tell two exponents apart
ENOUGH = 3  # labels before anything is said,
LARGER = 1.5  # and nothing of molecules with so many times the functions of the largest seen
MARGIN = 1.3  # of what is expected; labels of one kind differ by less, and what is too little costs one attempt

Floats = NDArray[np.float64]


@dataclass
class _Sums:
    """Of a weighted least-squares fit of 1 by (1, x) / M: M's relative error."""

    exponent: float
    normal: Floats
    right: Floats
    total: float

    @classmethod
    def before_any(cls, exponent: float) -> _Sums:
        prior = np.asarray(PRIOR_MIB)
        normal = PRIOR_WEIGHT * np.diag(prior**-2.0)
        return cls(exponent, normal, normal @ prior, 2 * PRIOR_WEIGHT)

    def learn(self, functions: int, mib: float) -> None:
        row = np.array([1.0, (functions / SCALE) ** self.exponent]) / mib
        self.normal, self.right, self.total = self.normal + np.outer(row, row), self.right + row, self.total + 1.0

    def line(self) -> tuple[float, float, float]:
        """m0 and m1, neither negative, and the sum of squares that is left."""
        best: Floats = np.asarray(np.linalg.solve(self.normal, self.right), dtype=np.float64)
        if best.min() < 0:
            alone = np.maximum(self.right, 0.0) / np.diag(self.normal)
            ends = [np.array([alone[0], 0.0]), np.array([0.0, alone[1]])]
            best = min(ends, key=self._left)
        return float(best[0]), float(best[1]), self._left(best)

    def _left(self, line: Floats) -> float:
        return float(line @ self.normal @ line - 2 * line @ self.right + self.total)


@final
class MemoryModel:
    """Of one theory. Not safe to use from several threads: its owner is."""

    def __init__(self) -> None:
        self._count, self._largest = 0, 0
        self._fits = [_Sums.before_any(exponent) for exponent in EXPONENTS]
        self._law: tuple[float, float, float] | None = None  # m0, m1 and p, until something new is learnt

    @property
    def observations(self) -> int:
        return self._count

    def learn(self, functions: int, mib: float) -> None:
        """One more label had so much resident at most."""
        if mib <= 0:
            return
        self._count, self._largest, self._law = self._count + 1, max(self._largest, functions), None
        for fit in self._fits:
            fit.learn(functions, mib)

    def expected_mib(self, functions: int) -> float | None:
        """Of one label; None while that cannot be said."""
        if self._count < ENOUGH or functions > LARGER * self._largest:
            return None
        self._law = self._law or self._best()
        m0, m1, exponent = self._law
        return m0 + m1 * float((functions / SCALE) ** exponent)

    def room_mib(self, functions: int) -> float | None:
        """What a program should be given for it."""
        expected = self.expected_mib(functions)
        return None if expected is None else MARGIN * expected

    def _best(self) -> tuple[float, float, float]:
        fits = [(fit.line(), fit.exponent) for fit in self._fits]
        least = min(left for (*_, left), _ in fits)
        (m0, m1, _), exponent = next(fit for fit in fits if fit[0][2] <= ALIKE * least + 1e-9)
        return m0, m1, exponent
