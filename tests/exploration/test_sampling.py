"""Samples of one structure: what each method changes, what it leaves alone, and what it refuses by name."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.errors import InputError
from reactal.exploration.bonds import bonds, same_bonds
from reactal.exploration.contacts import least_contact, pair_distances
from reactal.exploration.hessian import hessian_of
from reactal.exploration.sampling import METHODS, SampleSettings, rotatable, sample_structure
from reactal.units import KELVIN
from tests.exploration.reactions import chloride_exchange, malonaldehyde, vinyl_alcohol
from tests.exploration.surfaces import Surface, tethered

ALCOHOL = vinyl_alcohol()[0]


def samples(structure: Structure, method: str, **settings: object) -> np.ndarray:
    return sample_structure(structure, method, SampleSettings(**settings), np.random.default_rng(0))


@pytest.mark.parametrize("method", [name for name in METHODS if name != "modes"])
def test_every_method_keeps_atoms_apart_and_comes_again(method: str) -> None:
    first, again = samples(ALCOHOL, method, count=12), samples(ALCOHOL, method, count=12)
    assert (first == again).all()
    assert first.shape[1:] == (7, 3)
    assert len(first) >= (1 if method == "conformers" else 2)
    assert least_contact(ALCOHOL.numbers, first).min() >= 0.65
    assert np.abs(first - ALCOHOL.positions).max(axis=(1, 2)).min() > 0.01


def test_modes_have_the_energy_of_their_temperature() -> None:
    stiffness, temperature = 5.0, 500.0
    spring = Surface(tethered(stiffness, ALCOHOL.positions))
    hessian = hessian_of(spring, ALCOHOL, ALCOHOL.positions)
    drawn = samples(ALCOHOL, "modes", count=600, temperature=temperature, hessian=hessian)
    energy = tethered(stiffness, ALCOHOL.positions)(drawn).mean()
    assert energy == pytest.approx((3 * 7 - 6) * KELVIN * temperature / 2, rel=0.05)


def test_torsions_turn_and_leave_bonds_and_angles() -> None:
    turned = samples(ALCOHOL, "torsions", count=24)
    joined = sorted(bonds(ALCOHOL))
    for place in turned:
        moved = ALCOHOL.moved(place)
        assert same_bonds(moved, ALCOHOL)
        for i, j in joined:
            length = np.linalg.norm(ALCOHOL.positions[i] - ALCOHOL.positions[j])
            assert np.linalg.norm(place[i] - place[j]) == pytest.approx(length, abs=1e-9)


def test_strain_stretches_one_bond_and_keeps_the_rest() -> None:
    strained = samples(ALCOHOL, "strain", count=30)
    index = {pair: k for k, pair in enumerate(zip(*np.triu_indices(7, 1), strict=True))}
    rows = [index[pair] for pair in sorted(bonds(ALCOHOL))]
    ratio = pair_distances(strained)[:, rows] / pair_distances(ALCOHOL.positions)[rows]
    changed = np.abs(ratio - 1) > 1e-9
    assert (changed.sum(axis=1) == 1).all()
    assert ratio.max() == pytest.approx(1.5)
    assert ratio.min() < 0.85


def test_dissociation_draws_fragments_apart() -> None:
    complex_, _ = chloride_exchange()
    apart = samples(complex_, "dissociate", count=5, reach=4.0)
    gaps = np.linalg.norm(apart[:, 0] - apart[:, 5], axis=1)
    assert (np.diff(gaps) > 0).all()
    assert gaps[-1] - 3.266 == pytest.approx(4.0, abs=0.1)


def test_deformation_is_a_strain_and_a_turn() -> None:
    bent = samples(ALCOHOL, "deform", count=50, strain=0.1)
    ratios = pair_distances(bent) / pair_distances(ALCOHOL.positions)
    assert 1.05 < ratios.max() < 1.31  # three times a tenth at most
    assert 0.69 < ratios.min() < 0.95


def test_conformers_keep_the_bonds_in_order_and_go_as_far_as_asked() -> None:
    butane = samples(HEXANE, "conformers", count=10, least_rmsd=0.8)
    assert len(butane) >= 2
    for place in butane:
        assert same_bonds(HEXANE.moved(place), HEXANE)


def test_rotatable_bonds_are_outside_rings() -> None:
    held = {bond[:2] for bond in rotatable(malonaldehyde()[0])}
    assert (1, 2) in held
    ring = Structure((6, 6, 6), [[0, 0, 0], [1.5, 0, 0], [0.75, 1.3, 0]], multiplicity=1)
    assert rotatable(ring) == ()


REFUSED = {"wobble": "conformers", "modes": "Hessian", "torsions": "turn about", "strain": "ring", "dissociate": "ring"}


@pytest.mark.parametrize(("method", "word"), REFUSED.items())
def test_refusals_say_what_would_be_right(method: str, word: str) -> None:
    ring = Structure((6, 6, 6), [[0, 0, 0], [1.5, 0, 0], [0.75, 1.3, 0]], multiplicity=1)
    with pytest.raises(InputError, match=word):
        samples(ring, method)


def _zigzag(carbons: int) -> Structure:
    """An alkane, all trans, from bond lengths and tetrahedral angles."""
    chain = [[1.265 * i, 0.44 * (-1) ** i, 0.0] for i in range(carbons)]
    hydrogens = [[x, y * 1.0 + 0.63 * np.sign(y), z] for x, y, _ in chain for z in (0.89, -0.89)]
    first = [[chain[0][0] - 0.9, chain[0][1] - 0.63, 0.0], [chain[-1][0] + 0.9, chain[-1][1] - 0.63 * (-1) ** (carbons - 1), 0.0]]
    return Structure.from_symbols(["C"] * carbons + ["H"] * (2 * carbons + 2), [*chain, *hydrogens, *first])


HEXANE = _zigzag(6)
