"""Electron densities that are learned: energies without the SCF cycle (docs/deepscf.md), and better starts for it."""
