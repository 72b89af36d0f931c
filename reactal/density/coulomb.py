"""Density fitting: a density as coefficients of atom-centred functions, and what its charge does to the orbitals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.density.metric import Metric
from reactal.density.molecules import fitting_molecule
from reactal.density.pairs import Block, Pairs, Which
from reactal.density.theory import DensityTheory

__all__ = ["MEBIBYTE", "Coulomb"]

Floats = NDArray[np.float64]
MEBIBYTE = 2**20


@final
class Coulomb:
    """Of one molecule. In atomic units; K fitting functions, n orbitals.

    Three-centre integrals are kept where they fit into `memory_mib`, and made block by block each time where they do not.
    """

    def __init__(self, mole: Any, theory: DensityTheory, *, memory_mib: int = 2000) -> None:
        self.mole = mole
        self.functions = fitting_molecule(mole, theory)
        self.pairs = Pairs(mole)
        self._memory = memory_mib * MEBIBYTE
        self._kept: list[Block] | None = None

    @property
    def metric(self) -> Floats:
        """Coulomb integrals between fitting functions (K, K), made anew."""
        return np.asarray(self.functions.intor("int2c2e"))

    @cached_property
    def charges(self) -> Floats:
        """The electrons in each fitting function (K,)."""
        from pyscf import gto

        point = gto.M(atom=[("ghost-H", (0.0, 0.0, 0.0))], basis={"ghost-H": [[0, [1e-16, 1.0]]]}, spin=None, verbose=0)
        flat = gto.mole.intor_cross("int1e_ovlp", self.functions, point)[:, 0]
        return np.asarray(flat / float(point.eval_gto("GTOval", np.zeros((1, 3)))[0, 0]))

    def moments(self, density: Floats, *, of_atoms: bool = False) -> Floats:
        """(k|density) of a symmetric density matrix (n, n): (K,). `of_atoms`: nothing in it is between atoms."""
        found, counted = np.zeros(self.functions.nao), density * self._counted
        for block in self._made("alone") if of_atoms and not self._fits else self._blocks():
            found[block.places] += block.with_density(counted)[:, 0]
        return found

    def fit(self, density: Floats, *, electrons: float | None = None, of_atoms: bool = False) -> Floats:
        """Coefficients whose Coulomb self-energy of the difference is least; with so many electrons, where they are given."""
        free = self._metric.solved(self.moments(density, of_atoms=of_atoms))
        return free if electrons is None else self.with_electrons(free, electrons)

    def with_electrons(self, coefficients: Floats, electrons: float) -> Floats:
        """The coefficients nearest to these in the Coulomb metric that have exactly so many electrons."""
        off = electrons - float(self.charges @ coefficients)
        return coefficients + self.repair * off

    def potential(self, coefficients: Floats) -> Floats:
        """Matrix (n, n) of the Coulomb potential of a fitted density."""
        half = np.zeros((self.mole.nao, self.mole.nao))
        for block in self._blocks():
            half[block.rows, block.columns] += block.matrix(block.integrals[0] @ coefficients[block.places])
        half *= self._counted / 2
        return half + half.T

    def energy(self, coefficients: Floats) -> float:
        """Half the Coulomb energy of a fitted density with itself, hartree."""
        return 0.5 * float(coefficients @ self._metric.times(coefficients))

    @cached_property
    def repair(self) -> Floats:
        """Of unit electron number: what moves a density least when electrons are added (K,)."""
        added = self._metric.solved(self.charges)
        return added / float(self.charges @ added)

    @cached_property
    def _metric(self) -> Metric:
        return Metric(self.functions)

    @cached_property
    def _counted(self) -> Floats:
        """How often a pair of orbitals counts (n, n): those of one atom are there both ways round, others once."""
        orbitals = self.mole.aoslice_by_atom()
        atom = np.repeat(np.arange(self.mole.natm), orbitals[:, 3] - orbitals[:, 2])
        return np.where(atom[:, None] == atom[None], 1.0, 2.0)

    @cached_property
    def _fits(self) -> bool:
        return self.pairs.size(self.functions) <= self._memory

    def _blocks(self) -> Iterable[Block]:
        if not self._fits:
            return self._made("once")
        if self._kept is None:
            self._kept = list(self._made("once"))
        return self._kept

    def _made(self, which: Which) -> Iterator[Block]:
        return self.pairs.blocks(self.functions, most=self._memory // 3, which=which)
