"""Periodic systems: stress, equation of state, and phonons where phonopy is installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.potentials.base import Potential

__all__ = ["GIGAPASCAL", "EquationOfState", "equation_of_state", "phonon_wavenumbers", "strained", "stress_of"]

Floats = NDArray[np.float64]
GIGAPASCAL = 1 / 160.21766208  # eV/angstrom^3
STEP = 2e-4  # of strain
SPAN = 0.03  # of the cell's lengths to either side
POINTS = 9
DISPLACED = 0.01  # angstrom


def strained(crystal: Structure, deformation: Floats) -> Structure:
    """Cell and atoms with every vector v as v + v @ deformation (3, 3)."""
    if crystal.cell is None:
        raise ValueError("a molecule has no cell to strain")
    stretch = np.eye(3) + deformation
    return Structure(
        crystal.numbers,
        crystal.positions @ stretch,
        charge=crystal.charge,
        multiplicity=crystal.multiplicity,
        cell=crystal.cell @ stretch,
        pbc=crystal.pbc,
    )


def stress_of(potential: Potential, crystal: Structure, *, step: float = STEP) -> Floats:
    """(3, 3) eV/angstrom^3, the energy's derivative by the strain for each volume: positive where the cell wants to shrink. By
    central differences, one call."""
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    moved = []
    for i, j in pairs:
        unit = np.zeros((3, 3))
        unit[i, j] += 0.5
        unit[j, i] += 0.5
        moved += [strained(crystal, step * unit), strained(crystal, -step * unit)]
    energies = potential.predict(Frames.of(moved)).energy.reshape(len(pairs), 2)
    out = np.zeros((3, 3))
    for (i, j), (ahead, back) in zip(pairs, energies, strict=True):
        out[i, j] = out[j, i] = (ahead - back) / (2 * step) / _volume(crystal)
    return out


@final
@dataclass(frozen=True, eq=False)
class EquationOfState:
    """volumes (k,) angstrom^3 and energies (k,) eV as computed; the fit's volume, energy and bulk modulus (GPa), None where
    no minimum lies among them."""

    volumes: Floats
    energies: Floats
    volume: float | None
    energy: float | None
    bulk_modulus: float | None


def equation_of_state(potential: Potential, crystal: Structure) -> EquationOfState:
    """Birch and Murnaghan's, through isotropic strains of the cell with the atoms in their places in it."""
    from ase.eos import EquationOfState as Fit

    scales = np.linspace(-SPAN, SPAN, POINTS)
    series = [strained(crystal, scale * np.eye(3)) for scale in scales]
    energies = np.asarray(potential.predict(Frames.of(series)).energy, dtype=np.float64)
    volumes = np.asarray([_volume(one) for one in series])
    if not 0 < int(np.argmin(energies)) < POINTS - 1:
        return EquationOfState(volumes, energies, None, None, None)
    volume, energy, modulus = Fit(volumes, energies, eos="birchmurnaghan").fit()
    return EquationOfState(volumes, energies, float(volume), float(energy), float(modulus) / GIGAPASCAL)


def phonon_wavenumbers(
    potential: Potential,
    crystal: Structure,
    *,
    supercell: Sequence[int] = (2, 2, 2),
    points: Sequence[Sequence[float]] = ((0, 0, 0),),
) -> Floats | None:
    """(len(points), 3N) cm^-1 at wave vectors in units of the reciprocal cell, imaginary ones negative; None without phonopy."""
    if find_spec("phonopy") is None or crystal.cell is None:
        return None
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    atoms = PhonopyAtoms(symbols=list(crystal.symbols), positions=crystal.positions, cell=crystal.cell)
    phonons: Any = Phonopy(atoms, supercell_matrix=np.diag(list(supercell)), primitive_matrix="P")
    phonons.generate_displacements(distance=DISPLACED)
    cells = [
        Structure(tuple(int(n) for n in one.numbers), one.positions, cell=one.cell, pbc=(True, True, True))
        for one in phonons.supercells_with_displacements
    ]
    frames = Frames.of(cells)
    forces = potential.predict(frames).forces
    phonons.forces = [forces[frames.atoms(i)] for i in range(len(frames))]
    phonons.produce_force_constants()
    found = phonons.run_qpoints(np.asarray(points, dtype=np.float64))
    terahertz = np.asarray(found.frequencies, dtype=np.float64)
    return np.asarray(terahertz * 33.35640952)


def _volume(crystal: Structure) -> float:
    return float(abs(np.linalg.det(np.asarray(crystal.cell))))
