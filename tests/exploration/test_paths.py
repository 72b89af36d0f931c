"""Paths: no clashes on real reactions, even images, ends untouched, and what is said when the ends do not match."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.errors import MismatchedEnds
from reactal.exploration.alignment import superpose, unroll
from reactal.exploration.bonds import bonds
from reactal.exploration.contacts import least_contact, pair_distances
from reactal.exploration.metric import ScaledDistances
from reactal.exploration.paths import align, atom_mapping_hint, geodesic_path, idpp_path, path_contact, redistribute
from tests.exploration.reactions import REACTIONS, malonaldehyde, vinyl_alcohol

CLOSEST = 0.85  # of the closest contact of the ends
UNEVEN = 2.6  # widest gap over narrowest
FINE = 1e-9  # angstrom


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@cache
def aligned(name: str) -> tuple[Structure, Structure]:
    start, end = REACTIONS[name]()
    return start, align(end, start)


@cache
def geodesic(name: str) -> np.ndarray:
    path = geodesic_path(*aligned(name), images=13, rng=np.random.default_rng(0))
    path.setflags(write=False)
    return path


@pytest.fixture(params=list(REACTIONS))
def reaction(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def closest(*ends: Structure) -> float:
    return min(float(least_contact(end.numbers, end.positions[None])[0]) for end in ends)


def test_geodesic_path_runs_no_atom_into_another(reaction: str) -> None:
    ends, path = aligned(reaction), geodesic(reaction)
    assert path.shape == (13, len(ends[0]), 3)
    assert path_contact(ends[0], path) > CLOSEST * closest(*ends)


def test_geodesic_path_is_even_and_keeps_its_ends(reaction: str) -> None:
    ends, path = aligned(reaction), geodesic(reaction)
    gaps = ScaledDistances(ends[0].numbers).gaps(path)
    assert gaps.max() / gaps.min() < UNEVEN
    assert np.abs(path[0] - ends[0].positions).max() < FINE
    assert np.abs(path[-1] - ends[1].positions).max() < FINE
    # no image far from its neighbours: a barrier hides in a wide gap
    assert np.linalg.norm(np.diff(unroll(path), axis=0), axis=2).max() < 0.6


def test_same_generator_gives_the_same_path() -> None:
    start, end = vinyl_alcohol()
    first, second = (geodesic_path(start, end, rng=np.random.default_rng(5)) for _ in range(2))
    assert (first == second).all()


def test_linear_ends_leave_the_line() -> None:
    start, end = aligned("HCN")
    straight = np.linspace(0, 1, 13)[:, None, None] * (end.positions - start.positions) + start.positions
    assert path_contact(start, straight) < 0.2  # what the geodesic has to avoid
    path = geodesic("HCN")
    off_line = np.linalg.svd(path - path.mean(axis=1, keepdims=True), compute_uv=False)[:, 1]
    assert off_line.max() > 0.3


def test_idpp_path_runs_no_atom_into_another(reaction: str) -> None:
    ends = aligned(reaction)
    path = idpp_path(*ends, images=13, rng=np.random.default_rng(0))
    assert path_contact(ends[0], path) > 0.6
    assert np.abs(path[[0, -1]] - np.stack([ends[0].positions, ends[1].positions])).max() < FINE


def test_redistributed_path_is_even_without_cutting_corners(reaction: str) -> None:
    start, path = aligned(reaction)[0], geodesic(reaction)
    bunched = path[[0, 1, 2, 3, 4, 6, 8, 10, 12]]
    again = redistribute(start, bunched, images=15)
    gaps = ScaledDistances(start.numbers).gaps(again)
    assert again.shape[0] == 15
    assert gaps.max() / gaps.min() < UNEVEN
    assert path_contact(start, again) > CLOSEST * path_contact(start, bunched)


def test_align_undoes_a_rotation_and_never_mirrors() -> None:
    target, _ = vinyl_alcohol()
    turned = target.moved(target.positions @ rotation(3) + [1.0, -2.0, 0.5])
    assert np.abs(align(turned, target).positions - target.positions).max() < FINE
    chiral = Structure((6, 1, 9, 17), [[0, 0, 0], [1.1, 0, 0], [0, 1.4, 0], [0, 0, 1.8]], charge=-1)
    mirrored = chiral.moved(chiral.positions * [1, 1, -1])
    assert np.abs(align(mirrored, chiral).positions - chiral.positions).max() > 0.3
    assert np.allclose(pair_distances(align(mirrored, chiral).positions), pair_distances(chiral.positions))


def test_superposing_many_is_superposing_each() -> None:
    rng = np.random.default_rng(0)
    mobile, target = rng.normal(size=(2, 4, 5, 3))
    each = np.stack([superpose(m, t) for m, t in zip(mobile, target, strict=True)])
    assert np.allclose(superpose(mobile, target), each)


def test_different_atoms_are_refused() -> None:
    start, _ = vinyl_alcohol()
    other, _ = malonaldehyde()
    with pytest.raises(MismatchedEnds, match="not the same atoms"):
        align(other, start)


def test_another_order_is_refused_with_the_mapping() -> None:
    start, end = vinyl_alcohol()
    order = [2, 0, 1, 6, 5, 4, 3]
    shuffled = Structure(tuple(end.numbers[i] for i in order), end.positions[order])
    with pytest.raises(MismatchedEnds, match="another order"):
        geodesic_path(start, shuffled, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", ["vinyl alcohol", "RDB7 3606", "RDB7 2670"])
def test_mapping_finds_a_shuffled_molecule_again(name: str) -> None:
    start, _ = REACTIONS[name]()
    order = np.random.default_rng(1).permutation(len(start))
    shuffled = Structure(tuple(start.numbers[i] for i in order), start.positions[order])
    hint = atom_mapping_hint(start, shuffled)
    assert hint is not None
    assert sorted(hint) == list(range(len(start)))
    assert tuple(shuffled.numbers[i] for i in hint) == start.numbers
    reordered = Structure(start.numbers, shuffled.positions[list(hint)])
    assert bonds(reordered) == bonds(start)


def test_mapping_of_different_atoms_is_none() -> None:
    assert atom_mapping_hint(vinyl_alcohol()[0], malonaldehyde()[0]) is None
