"""A crystal on a model: stress, equation of state, phonons. Part of the chapter of dynamics, for periodic structures."""

from __future__ import annotations

import numpy as np

from reactal.chem import Frames, Structure
from reactal.potentials.base import Potential
from reactal.validation.base import Cell, Column, Curve, Findings, Table
from reactal.validation.crystal import GIGAPASCAL, equation_of_state, phonon_wavenumbers, stress_of

__all__ = ["check_crystal", "periodic_structure"]

CHAPTER = "dynamics"
MOST = 64  # atoms of a cell that is multiplied for phonons


def periodic_structure(frames: Frames) -> Structure | None:
    """The one of lowest reference energy an atom among those that are periodic in all directions."""
    if frames.pbc is None or not (whole := frames.pbc.all(axis=1)).any():
        return None
    energy = np.where(whole, frames.energy / frames.sizes, np.inf)
    return frames.structure(int(np.argmin(energy)))


def check_crystal(potential: Potential, crystal: Structure) -> Findings:
    """At one structure."""
    stress = stress_of(potential, crystal) / GIGAPASCAL
    found = equation_of_state(potential, crystal)
    rows: list[tuple[Cell, ...]] = [
        ("pressure of the structure", -float(np.trace(stress)) / 3, "GPa"),
        ("largest shear stress", float(np.abs(stress - np.diag(np.diag(stress))).max()), "GPa"),
        ("volume at rest", found.volume, "Å³"),
        ("bulk modulus", found.bulk_modulus, "GPa"),
    ]
    phonons = phonon_wavenumbers(potential, crystal) if len(crystal) <= MOST else None
    note = "" if found.volume is not None else "No minimum within 3 % of the cell's lengths."
    if phonons is None:
        note = f"{note} Phonons need phonopy.".strip()
    else:
        rows += [("lowest phonon at the zone's centre", float(phonons.min()), "cm⁻¹"), ("highest", float(phonons.max()), "cm⁻¹")]
    columns = (Column("what"), Column("value"), Column("unit"))
    table = Table("crystal", CHAPTER, f"Crystal of {crystal.formula}", columns, tuple(rows), note)
    x, y = Column("volume", "Å³"), Column("energy", "eV")
    heights = found.energies - found.energies.min()
    volumes = tuple(found.volumes.tolist())
    curve = Curve("equation_of_state", CHAPTER, "Equation of state", crystal.formula, x, y, volumes, tuple(heights.tolist()))
    return Findings(tables=(table,), curves=(curve,))
