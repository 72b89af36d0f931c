"""Small molecules to label, each a slightly different one of its kind."""

from __future__ import annotations

import numpy as np

from reactal.chem import Structure

WATER = np.array([[0.0, 0.0, 0.1173], [0.0, 0.7572, -0.4692], [0.0, -0.7572, -0.4692]])


def water(shift: float = 0.0) -> Structure:
    """A water molecule with one bond longer by `shift` (angstrom) and no symmetry left."""
    positions = WATER.copy()
    positions[1, 1] += shift
    return Structure.from_symbols("OHH", positions)


def waters(count: int) -> list[Structure]:
    return [water(0.01 * (number + 1)) for number in range(count)]


def hydrogen_fluoride(bond: float) -> Structure:
    return Structure.from_symbols("HF", [[0.0, 0.0, 0.0], [0.1, 0.2, np.sqrt(bond**2 - 0.05)]])


def hydroxyl(bond: float = 0.97) -> Structure:
    """The OH radical, a doublet."""
    return Structure.from_symbols("OH", [[0.0, 0.0, 0.0], [0.0, 0.0, bond]], multiplicity=2)


def hydrogen_trios(count: int) -> list[Structure]:
    """H + H2 on the way to exchange, bent by a little."""
    return [
        Structure.from_symbols("HHH", [[0.0, 0.0, 0.0], [0.0, 0.1, 0.9 + 0.01 * number], [0.0, 0.0, 1.8]], multiplicity=2)
        for number in range(count)
    ]


def not_hydrogen() -> Structure:
    """Three atoms that the LEPS surface does not know."""
    return Structure.from_symbols(["H", "He", "H"], [[0.0, 0.0, 0.0], [0.0, 0.1, 0.9], [0.0, 0.0, 1.8]], charge=1, multiplicity=2)


def hydrogens(count: int) -> list[Structure]:
    """H2, each a little longer than the one before."""
    return [Structure.from_symbols("HH", [[0.0, 0.0, 0.0], [0.1, 0.0, 0.74 + 0.002 * number]]) for number in range(count)]
