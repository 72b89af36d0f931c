"""Units at the border. Inside reactal energies are eV, lengths angstrom, times fs, masses u (CODATA 2018)."""

from __future__ import annotations

HARTREE = 27.211386245988  # eV
BOHR = 0.529177210903  # angstrom
KCAL_PER_MOL = 0.0433641042  # eV
KELVIN = 8.617333262e-5  # eV, Boltzmann's constant times one kelvin
AMU_ANGSTROM2_PER_FS2 = 103.642697  # eV

__all__ = ["AMU_ANGSTROM2_PER_FS2", "BOHR", "HARTREE", "KCAL_PER_MOL", "KELVIN"]
