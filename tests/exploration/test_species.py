"""One molecule, whatever its atoms' order: turned, mirrored, far apart, and what is another one."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.exploration.species import matchings, same_species, shape_distance, species_name
from tests.exploration.reactions import chloride_exchange, formaldehyde, vinyl_alcohol
from tests.exploration.surfaces import hcch


def shuffled(structure: Structure, seed: int = 0) -> Structure:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(structure))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    numbers = tuple(structure.numbers[i] for i in order)
    return Structure(numbers, structure.positions[order] @ turn + 2.0, structure.charge, structure.multiplicity)


@pytest.mark.parametrize("which", [0, 1])
def test_order_place_and_mirror_change_nothing(which: int) -> None:
    molecule = vinyl_alcohol()[which]
    assert shape_distance(molecule, shuffled(molecule)) == pytest.approx(0.0, abs=1e-9)
    assert same_species(molecule, shuffled(molecule, 1))


def test_isomers_and_conformers_are_told_apart() -> None:
    alcohol, aldehyde = vinyl_alcohol()
    assert not same_species(alcohol, aldehyde)
    assert shape_distance(alcohol, aldehyde) == float("inf")
    assert same_species(hcch(1.2), hcch(1.2, 0.05))
    assert not same_species(hcch(1.2), hcch(1.2, np.pi / 2))


def test_both_complexes_of_the_exchange_are_one_species() -> None:
    before, after = chloride_exchange()
    assert same_species(before, after)


def test_fragments_may_lie_anywhere() -> None:
    _, products = formaldehyde()
    away = products.positions.copy()
    away[2:] += [0, 0, -2.0]
    assert same_species(products, products.moved(away))
    assert species_name(products) == "CO + H2"


def test_matchings_of_a_methyl_group() -> None:
    _, aldehyde = vinyl_alcohol()
    found = set(matchings(aldehyde, aldehyde))
    assert len(found) == 6  # three hydrogens
    assert tuple(range(7)) in found
