"""Which atoms are bonded, by distance, and what a reaction changes about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.exploration.contacts import contact_ratios

__all__ = ["BOND_FACTOR", "BondChange", "bonds", "changed", "fragments", "same_bonds"]

Floats = NDArray[np.float64]
Bond = tuple[int, int]

BOND_FACTOR = 1.3
"""Of the summed covalent radii. C-Cl then ends at 2.31 angstrom (an ion-dipole complex has 3.27, a bond 1.83), O-H at 1.26
(a hydrogen bond in malonaldehyde has 1.6 to 1.9, a bond 0.96), H-H at 0.81."""

_UNDECIDED = 0.15
"""A pair that crosses the limit by less than this, in the same units, has not changed: a hydrogen bond that
shortens a little is no new bond."""


def bonds(numbers: Sequence[int] | Structure, positions: Floats | None = None, factor: float = BOND_FACTOR) -> frozenset[Bond]:
    """Pairs (i, j), i < j, closer than `factor` times a bond. From a structure, or from numbers and positions (N, 3)."""
    numbers, positions = _parts(numbers, positions)
    if len(numbers) < 2:
        return frozenset()
    first, second = np.triu_indices(len(numbers), 1)
    close = contact_ratios(numbers, positions) < factor
    return frozenset(zip(first[close].tolist(), second[close].tolist(), strict=True))


def fragments(
    numbers: Sequence[int] | Structure, positions: Floats | None = None, factor: float = BOND_FACTOR
) -> tuple[frozenset[int], ...]:
    """Atoms that hang together by bonds, each atom in one fragment; ordered by their first atom."""
    numbers, positions = _parts(numbers, positions)
    return connected(len(numbers), bonds(numbers, positions, factor))


def connected(atoms: int, joined: frozenset[Bond]) -> tuple[frozenset[int], ...]:
    """The connected parts of a graph."""
    part = list(range(atoms))
    for i, j in joined:
        old, new = part[j], part[i]
        part = [new if p == old else p for p in part]
    groups = [frozenset(a for a in range(atoms) if part[a] == p) for p in dict.fromkeys(part)]
    return tuple(sorted(groups, key=min))


@final
@dataclass(frozen=True)
class BondChange:
    """What differs between two geometries of the same atoms."""

    formed: frozenset[Bond]
    broken: frozenset[Bond]

    @property
    def atoms(self) -> frozenset[int]:
        """Every atom that takes part."""
        return frozenset(atom for bond in self.formed | self.broken for atom in bond)

    def __bool__(self) -> bool:
        return bool(self.formed or self.broken)


def changed(before: Structure, after: Structure, factor: float = BOND_FACTOR) -> BondChange:
    """Bonds formed and broken, with hysteresis: a pair must cross the limit clearly."""
    if len(before) < 2:
        return BondChange(frozenset(), frozenset())
    first, second = np.triu_indices(len(before), 1)
    old = contact_ratios(before.numbers, before.positions)
    new = contact_ratios(after.numbers, after.positions)
    clear = np.abs(new - old) > _UNDECIDED

    def pairs(mask: NDArray[np.bool_]) -> frozenset[Bond]:
        return frozenset(zip(first[mask].tolist(), second[mask].tolist(), strict=True))

    return BondChange(
        formed=pairs((old >= factor) & (new < factor) & clear),
        broken=pairs((old < factor) & (new >= factor) & clear),
    )


def same_bonds(a: Structure, b: Structure, factor: float = BOND_FACTOR) -> bool:
    """Whether two geometries are the same molecule, atom by atom."""
    return a.numbers == b.numbers and not changed(a, b, factor)


def _parts(numbers: Sequence[int] | Structure, positions: Floats | None) -> tuple[Sequence[int], Floats]:
    if isinstance(numbers, Structure):
        return numbers.numbers, numbers.positions
    if positions is None:
        raise TypeError("bonds of bare numbers need positions as well")
    return numbers, positions
