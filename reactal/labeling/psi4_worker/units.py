"""Atomic units."""

BOHR = 0.529177210903  # angstrom
DEBYE = 0.393430307  # e*bohr
