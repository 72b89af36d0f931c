"""Density functional theory in one step: from a residual density to orbitals, an energy, forces and a dipole, with no SCF cycle.

With the input density rho = free atoms + residual, F its Kohn-Sham matrix and e, C its orbitals, the Harris-Foulkes energy is
    E = sum of occupied e - (rho|rho)/2 + Exc[rho] - integral of vxc rho + nuclei
whose error is of second order in that of rho (Harris, Phys. Rev. B 1985, 31, 1770). The density of the orbitals, put into the
Kohn-Sham energy, gives the first-step energy, never below the converged one. How far the density of the orbitals is from the
input says how far the input was from self-consistency: the Coulomb energy of that difference bounds the error of E in practice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.density.coulomb import MEBIBYTE, Coulomb
from reactal.density.exchange import exchange_of, grids_of
from reactal.density.molecules import atoms_density, molecule
from reactal.density.room import require_room
from reactal.density.slopes import forces_of_orbitals
from reactal.density.theory import DensityTheory
from reactal.units import BOHR, HARTREE

__all__ = ["OneShot", "Stage", "write_cube"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class OneShot:
    """harris and, where asked for, first_step in eV; residual: Coulomb energy (eV) of output less input density; forces (N, 3)
    eV/angstrom where asked for; dipole (3,) in e*angstrom; orbital energies (n,) in eV; density matrix (n, n) and coefficients of
    the orbitals (n, n), fitted (K,) that density; electrons of the input density, exactly, and on the grid; seconds."""

    harris: float
    first_step: float | None
    residual: float
    forces: Floats | None
    dipole: Floats
    orbital_energies: Floats
    density: Floats
    orbitals: Floats
    fitted: Floats
    electrons: float
    electrons_on_grid: float
    seconds: float

    @property
    def energy(self) -> float:
        """The better of the two that there are, eV."""
        return self.harris if self.first_step is None else self.first_step


@final
class Stage:
    """A molecule made ready: its integrals and grids serve any number of densities of it."""

    def __init__(self, structure: Structure, theory: DensityTheory, *, memory_mib: int = 2000) -> None:
        self.structure, self.theory = structure, theory
        self.mole = molecule(structure, theory)
        self.mole.max_memory = memory_mib
        self.coulomb = Coulomb(self.mole, theory, memory_mib=memory_mib)
        require_room(structure, self._needed(memory_mib))
        self.atoms = atoms_density(self.mole, theory)
        self.grids = grids_of(self.mole, theory)
        self._core = _core(self.mole)

    def _needed(self, memory_mib: int) -> float:
        """Bytes: the fitting functions' metric or, before it, PySCF's integrals of the cores, and blocks beside them."""
        orbitals, functions = self.mole.nao, self.coulomb.functions.nao
        return 8.0 * float(max(functions**2, orbitals**2 * self.mole.natm)) + memory_mib * MEBIBYTE

    @cached_property
    def _fitted_atoms(self) -> Floats:
        return self.coulomb.fit(self.atoms, of_atoms=True)

    @property
    def electrons_to_add(self) -> float:
        """What a residual density integrates to."""
        return -float(self.structure.charge)

    def residual_of(self, density: Floats) -> Floats:
        """Coefficients (K,) of a density matrix less the free atoms'."""
        return self.coulomb.fit(density - self.atoms, electrons=self.electrons_to_add)

    def run(self, coefficients: Floats, *, first_step: bool = False, forces: bool = False) -> OneShot:
        """From a residual's coefficients (K,); its number of electrons is put right first."""
        from scipy.linalg import eigh

        began = time.perf_counter()
        residual = self.coulomb.with_electrons(coefficients, self.electrons_to_add)
        fitted = self._fitted_atoms + residual
        exchange = exchange_of(
            self.mole, self.coulomb.functions, self.grids, atoms=self.atoms, residual=residual, theory=self.theory
        )
        matrix = self._core + self.coulomb.potential(fitted) + exchange.matrix
        energies, orbitals = eigh(matrix, self.mole.intor("int1e_ovlp"))
        filled = self.mole.nelectron // 2
        density = 2 * orbitals[:, :filled] @ orbitals[:, :filled].T
        harris = 2 * energies[:filled].sum() - self.coulomb.energy(fitted) + exchange.energy - exchange.of_potential
        after = self.coulomb.fit(density)
        shot = OneShot(
            harris=float(harris + self.mole.energy_nuc()) * HARTREE,
            first_step=None,
            residual=self.coulomb.energy(after - fitted) * HARTREE,
            forces=None,
            dipole=self._dipole(density),
            orbital_energies=np.asarray(energies) * HARTREE,
            density=density,
            orbitals=np.asarray(orbitals),
            fitted=after,
            electrons=float(self.mole.nelectron + self.structure.charge + self.coulomb.charges @ residual),
            electrons_on_grid=exchange.electrons,
            seconds=time.perf_counter() - began,
        )
        return self.finished(shot, forces=forces) if first_step or forces else shot

    def finished(self, shot: OneShot, *, forces: bool = True) -> OneShot:
        """A one-shot with the first-step energy and the forces that it was run without."""
        began = time.perf_counter()
        first = self._first_step(shot) * HARTREE
        slope = self._forces(shot) if forces else None
        return replace(shot, first_step=first, forces=slope, seconds=shot.seconds + time.perf_counter() - began)

    def _first_step(self, shot: OneShot) -> float:
        """The Kohn-Sham energy (hartree) of the density of the orbitals."""
        nothing = np.zeros(self.coulomb.functions.nao)
        exchange = exchange_of(
            self.mole, self.coulomb.functions, self.grids, atoms=shot.density, residual=nothing, theory=self.theory
        )
        whole = np.einsum("ij,ji->", shot.density, self._core) + self.coulomb.energy(shot.fitted) + exchange.energy
        return float(whole + self.mole.energy_nuc())

    def _forces(self, shot: OneShot) -> Floats:
        """The Kohn-Sham forces of the orbitals, as if they were converged: their error is of first order in the density's."""
        filled = shot.orbitals[:, : self.mole.nelectron // 2]
        energies = shot.orbital_energies[: filled.shape[1]] / HARTREE
        return forces_of_orbitals(
            self.coulomb.pairs,
            self.coulomb.functions,
            self.grids,
            density=shot.density,
            weighted=2 * (filled * energies) @ filled.T,
            fitted=shot.fitted,
            theory=self.theory,
        )

    def _dipole(self, density: Floats) -> Floats:
        with self.mole.with_common_orig((0.0, 0.0, 0.0)):
            moments = self.mole.intor_symmetric("int1e_r", comp=3)
        of_nuclei = self.mole.atom_charges() @ self.mole.atom_coords()
        return np.asarray(of_nuclei - np.einsum("xij,ji->x", moments, density)) * BOHR


def _core(mole: Any) -> Floats:
    """Kinetic energy and pseudopotentials (n, n)."""
    from pyscf.scf import hf

    return np.asarray(hf.get_hcore(mole))


def write_cube(stage: Stage, density: Floats, file: Any, *, spacing: float = 0.3) -> None:
    """A density matrix's density as a Gaussian cube file, points `spacing` bohr apart."""
    from pyscf.tools import cubegen

    cubegen.density(stage.mole, str(file), density, resolution=spacing)
