"""Density fitting: a density as coefficients of atom-centred functions, and what its charge does to the orbitals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.density.molecules import fitting_molecule
from reactal.density.theory import DensityTheory

__all__ = ["Coulomb"]

Floats = NDArray[np.float64]
MEBIBYTE = 2**20
LINDEP = 1e-10  # on the metric's diagonal: fitting functions of neighbours are nearly the same


@final
class Coulomb:
    """Of one molecule. In atomic units; K fitting functions, n orbitals.

    Three-centre integrals are kept where they fit into `memory_mib`, and made block by block each time where they do not.
    """

    def __init__(self, mole: Any, theory: DensityTheory, *, memory_mib: int = 2000) -> None:
        self.mole = mole
        self.functions = fitting_molecule(mole, theory)
        self._memory = memory_mib * MEBIBYTE
        self._kept: list[tuple[slice, Floats]] | None = None

    @cached_property
    def metric(self) -> Floats:
        """Coulomb integrals between fitting functions (K, K)."""
        return np.asarray(self.functions.intor("int2c2e"))

    @cached_property
    def overlap(self) -> Floats:
        """Overlaps of fitting functions (K, K)."""
        return np.asarray(self.functions.intor("int1e_ovlp"))

    @cached_property
    def charges(self) -> Floats:
        """The electrons in each fitting function (K,)."""
        from pyscf import gto

        point = gto.M(atom=[("ghost-H", (0.0, 0.0, 0.0))], basis={"ghost-H": [[0, [1e-16, 1.0]]]}, spin=None, verbose=0)
        flat = gto.mole.intor_cross("int1e_ovlp", self.functions, point)[:, 0]
        return np.asarray(flat / float(point.eval_gto("GTOval", np.zeros((1, 3)))[0, 0]))

    def moments(self, density: Floats) -> Floats:
        """(k|density) of a density matrix (n, n): (K,)."""
        packed = _packed(density)
        found = np.empty(self.functions.nao)
        for columns, integrals in self._integrals():
            found[columns] = packed @ integrals
        return found

    def fit(self, density: Floats, *, electrons: float | None = None) -> Floats:
        """Coefficients whose Coulomb self-energy of the difference is least; with so many electrons, where they are given."""
        return self.fit_moments(self.moments(density), electrons=electrons)

    def fit_moments(self, moments: Floats, *, electrons: float | None = None) -> Floats:
        free = self._solved(moments)
        return free if electrons is None else self.with_electrons(free, electrons)

    def with_electrons(self, coefficients: Floats, electrons: float) -> Floats:
        """The coefficients nearest to these in the Coulomb metric that have exactly so many electrons."""
        off = electrons - float(self.charges @ coefficients)
        return coefficients + self.repair * off

    def potential(self, coefficients: Floats) -> Floats:
        """Matrix (n, n) of the Coulomb potential of a fitted density."""
        from pyscf import lib

        count = self.mole.nao
        packed = np.zeros(count * (count + 1) // 2)
        for columns, integrals in self._integrals():
            packed += integrals @ coefficients[columns]
        return np.asarray(lib.unpack_tril(packed))

    def energy(self, coefficients: Floats) -> float:
        """Half the Coulomb energy of a fitted density with itself, hartree."""
        return 0.5 * float(coefficients @ self.metric @ coefficients)

    @cached_property
    def repair(self) -> Floats:
        """Of unit electron number: what moves a density least when electrons are added (K,)."""
        added = self._solved(self.charges)
        return added / float(self.charges @ added)

    @cached_property
    def _factor(self) -> tuple[Floats, bool]:
        from scipy.linalg import cho_factor

        factor, lower = cho_factor(self.metric + LINDEP * np.diag(self.metric.diagonal()), lower=True)
        return np.asarray(factor), bool(lower)

    def _solved(self, right: Floats) -> Floats:
        from scipy.linalg import cho_solve

        return np.asarray(cho_solve(self._factor, right))

    def _integrals(self) -> Iterator[tuple[slice, Floats]]:
        """(pairs of orbitals, fitting functions) in blocks of the latter."""
        if self._kept is not None:
            yield from self._kept
            return
        pairs = self.mole.nao * (self.mole.nao + 1) // 2
        fits = pairs * self.functions.nao * 8 <= self._memory
        made: list[tuple[slice, Floats]] = []
        for columns, shells in self._blocks(max(1, self._memory // (3 * pairs * 8))):
            block = self._block(shells)
            if fits:
                made.append((columns, block))
            yield columns, block
        if fits:
            self._kept = made

    def _blocks(self, columns: int) -> Iterator[tuple[slice, tuple[int, int]]]:
        places, first = self.functions.ao_loc_nr(), 0
        while first < self.functions.nbas:
            last = first + 1
            while last < self.functions.nbas and places[last + 1] - places[first] <= columns:
                last += 1
            yield slice(int(places[first]), int(places[last])), (first, last)
            first = last

    def _block(self, shells: tuple[int, int]) -> Floats:
        from pyscf.df import incore

        orbitals = self.mole.nbas
        span = (0, orbitals, 0, orbitals, *shells)
        return np.asarray(incore.aux_e2(self.mole, self.functions, "int3c2e", aosym="s2ij", shls_slice=span))


def _packed(density: Floats) -> Floats:
    """The lower triangle with its off-diagonal elements doubled."""
    from pyscf import lib

    doubled = density + density.T
    doubled[np.diag_indices(len(doubled))] *= 0.5
    return np.asarray(lib.pack_tril(doubled))
