"""Coulomb integrals between fitting functions and their Cholesky factor, in one square: of a large molecule two do not fit."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import InputError

__all__ = ["Metric"]

Floats = NDArray[np.float64]
LINDEP = 1e-10  # on the diagonal: fitting functions of neighbours are nearly the same


@final
class Metric:
    """Of K fitting functions, in hartree; K^2 * 8 bytes.

    LAPACK's factor fills the lower triangle with the diagonal; what is above it stays as it was."""

    def __init__(self, functions: Any) -> None:
        from scipy.linalg import lapack

        square = np.asarray(functions.intor("int2c2e"))
        square = square if square.flags.f_contiguous else square.T  # symmetric, and not copied
        self._diagonal = square.diagonal().copy()
        np.fill_diagonal(square, self._diagonal * (1 + LINDEP))
        self._square, failed = lapack.dpotrf(square, lower=True, clean=False, overwrite_a=True)
        if failed:
            raise InputError(f"{len(square)} fitting functions depend on one another; are there atoms in nearly the same place?")

    def times(self, coefficients: Floats) -> Floats:
        """The integrals (K, K) times (K,)."""
        from scipy.linalg import blas

        with_factor = np.asarray(blas.dsymv(1.0, self._square, coefficients, lower=False))
        return np.asarray(with_factor + (self._diagonal - self._square.diagonal()) * coefficients)

    def solved(self, right: Floats) -> Floats:
        """What gives (K,) when multiplied by the integrals."""
        from scipy.linalg import cho_solve

        return np.asarray(cho_solve((self._square, True), right, check_finite=False))
