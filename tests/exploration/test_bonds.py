"""Bond graphs at the geometries that fool a careless limit."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.exploration.bonds import bonds, changed, fragments, same_bonds
from tests.exploration.reactions import chloride_exchange, formaldehyde, malonaldehyde, rdb7, vinyl_alcohol


def test_ion_dipole_complex_is_two_molecules() -> None:
    start, end = chloride_exchange()
    assert len(fragments(start)) == 2
    change = changed(start, end)
    assert change.formed == {(0, 5)}
    assert change.broken == {(0, 4)}
    assert not same_bonds(start, end)


def test_hydrogen_bond_is_no_bond() -> None:
    start, end = malonaldehyde()
    assert (0, 5) in bonds(start)
    assert (4, 5) not in bonds(start)
    assert len(fragments(start)) == 1
    assert changed(start, end).atoms == {0, 4, 5}


def test_products_fall_apart() -> None:
    start, end = formaldehyde()
    assert fragments(start) == (frozenset({0, 1, 2, 3}),)
    assert fragments(end) == (frozenset({0, 1}), frozenset({2, 3}))


def test_hydrogen_moves_in_vinyl_alcohol() -> None:
    change = changed(*vinyl_alcohol())
    assert change.broken == {(2, 6)}
    assert change.formed == {(0, 6)}


@pytest.mark.parametrize("number", [3606, 4810, 2670, 6175, 146, 1170])
def test_rdb7_reactants_are_one_molecule_that_reacts(number: int) -> None:
    start, end = rdb7(number)
    assert len(fragments(start)) == 1
    assert changed(start, end)


def test_a_pair_that_hovers_at_the_limit_has_not_changed() -> None:
    limit = 1.3 * (0.31 + 0.66)
    near, far = (Structure((8, 1), [[0, 0, 0], [r, 0, 0]], charge=-1) for r in (limit - 0.05, limit + 0.05))
    assert bonds(near) != bonds(far)
    assert same_bonds(near, far)
    gone = Structure((8, 1), [[0, 0, 0], [limit + 0.5, 0, 0]], charge=-1)
    assert not same_bonds(near, gone)


def test_bonds_of_other_atoms_are_never_the_same() -> None:
    assert not same_bonds(Structure((9, 1), [[0, 0, 0], [0.9, 0, 0]]), Structure((1, 9), [[0, 0, 0], [0.9, 0, 0]]))


def test_one_atom_has_no_bonds() -> None:
    assert bonds((18,), np.zeros((1, 3))) == frozenset()
    assert fragments((18,), np.zeros((1, 3))) == (frozenset({0}),)
