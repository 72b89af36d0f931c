"""Each guard, alone and against the others."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.exploration.contacts import closest_contacts, scattered
from reactal.exploration.guards import Ended, Guards
from reactal.potentials.base import Prediction
from tests.exploration.reactions import formaldehyde, vinyl_alcohol

WATER = Structure((8, 1, 1), [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])


def said(frames: Frames, *, energy: float = 0.0, doubt: float = 0.1) -> Prediction:
    atoms = len(frames.numbers)
    return Prediction(np.full(len(frames), energy), np.zeros((atoms, 3)), np.zeros(len(frames)), np.full(atoms, doubt))


def verdict(structure: Structure, *, heat: float = 1.0, **what: float) -> str:
    frames = Frames.of([structure])
    found = Guards().check(
        frames, said(frames, **what), start_energies=np.zeros(1), start_contacts=np.ones(1), heat=np.asarray([heat])
    )
    return str(found[0])


def test_a_sound_molecule_goes_on() -> None:
    assert verdict(WATER) == Ended.COMPLETED


def test_doubt_ends_within_the_band_and_runs_away_beyond_it() -> None:
    assert verdict(WATER, doubt=1.5) == Ended.DOUBTFUL
    assert verdict(WATER, doubt=2.5) == Ended.RUNAWAY


def test_physical_limits() -> None:
    crushed = WATER.moved([[0, 0, 0], [0.55, 0, 0], [-0.24, 0.93, 0]])
    apart = WATER.moved([[0, 0, 0], [7.0, 0, 0], [-0.24, 0.93, 0]])
    assert verdict(crushed) == Ended.CRUSHED
    assert verdict(apart) == Ended.SEPARATED
    assert verdict(WATER, energy=20.0) == Ended.ENERGY
    assert verdict(WATER, energy=-20.0) == Ended.ENERGY
    assert verdict(WATER, heat=9.0) == Ended.HOT
    assert verdict(WATER, energy=np.nan) == Ended.NOT_FINITE


def test_the_worst_is_told() -> None:
    """A crushed molecule that is also doubtful is worth no label."""
    crushed = WATER.moved([[0, 0, 0], [0.55, 0, 0], [-0.24, 0.93, 0]])
    assert verdict(crushed, doubt=1.5) == Ended.CRUSHED
    assert verdict(crushed, doubt=5.0) == Ended.RUNAWAY


def test_a_replica_that_began_close_may_stay_so() -> None:
    close = WATER.moved([[0, 0, 0], [0.56, 0, 0], [-0.24, 0.93, 0]])
    frames = Frames.of([close])
    begun = closest_contacts(frames)
    found = Guards().check(frames, said(frames), start_energies=np.zeros(1), start_contacts=begun)
    assert found[0] == Ended.COMPLETED


def test_contacts_of_mixed_sizes_are_those_of_each() -> None:
    structures = [WATER, formaldehyde()[1], vinyl_alcohol()[0], Structure((18,), [[0, 0, 0]])]
    together = closest_contacts(Frames.of(structures))
    alone = [closest_contacts(Frames.of([structure]))[0] for structure in structures]
    assert together == pytest.approx(alone)
    assert together[0] == pytest.approx(0.96 / 0.97, rel=1e-3)
    assert together[3] == np.inf


def test_parts_that_drift_apart_are_scattered_however_large_they_are() -> None:
    pair = formaldehyde()[1]
    drifted = pair.moved(pair.positions + np.asarray([[0, 0, 0], [0, 0, 0], [0, 0, -5.0], [0, 0, -5.0]]))
    argon = Structure((18,), [[0, 0, 0]])
    chain = Structure((6,) * 9, [[5.5 * i, 0, 0] for i in range(9)])
    found = scattered(Frames.of([pair, drifted, argon, chain]), 6.0)
    assert found.tolist() == [False, True, False, False]


def judged(guards: Guards, structure: Structure) -> str:
    """Of a molecule that began as water."""
    frames = Frames.of([structure])
    found = guards.check(
        frames, said(frames), start_energies=np.zeros(1), start_contacts=np.ones(1), begun=Frames.of([WATER])
    )  # fmt: skip
    return str(found[0])


def test_bonds_may_be_kept() -> None:
    kept = Guards(bonds=True, separation=99.0)
    stretched, broken = (WATER.moved([[0, 0, 0], [r, 0, 0], [-0.24, 0.93, 0]]) for r in (1.4, 1.8))
    formed = WATER.moved([[0, 0, 0], [0.96, 0, 0], [1.1, 0.68, 0]])  # the hydrogens 0.69 angstrom apart
    assert judged(kept, stretched) == Ended.COMPLETED
    assert judged(kept, broken) == Ended.REACTED
    assert judged(kept, formed) == Ended.REACTED
    assert judged(Guards(separation=99.0), broken) == Ended.COMPLETED  # reactions are what is looked for by default
    assert kept.looks_back
    assert not Guards().looks_back


def test_the_centre_of_mass_may_be_held() -> None:
    away = WATER.moved(WATER.positions + np.asarray([0.0, 0.0, 2.0]))
    assert judged(Guards(drift=1.5), away) == Ended.DRIFTED
    assert judged(Guards(drift=2.5), away) == Ended.COMPLETED


def test_pairs_of_elements_have_least_distances() -> None:
    assert judged(Guards(distances=((1, 1, 1.6),)), WATER) == Ended.CRUSHED  # they are 1.52 apart
    assert judged(Guards(distances=((1, 1, 1.5), (8, 1, 0.9))), WATER) == Ended.COMPLETED
    assert judged(Guards(distances=((8, 8, 9.0),)), WATER) == Ended.COMPLETED


def test_distances_in_cells_are_those_of_nearest_images() -> None:
    """Two argon atoms across the wall of a slab's cell, beside a molecule without one."""
    cell = np.asarray([[6.0, 0, 0], [1.0, 6.0, 0], [0, 0, 0]])
    slab = Structure((18, 18), [[0.2, 0.1, 0], [6.5, 5.6, 0]], cell=cell, pbc=(True, True, False))
    apart = np.linalg.norm([6.5 - 0.2 - 7.0, 5.6 - 0.1 - 6.0, 0.0])  # over both vectors of the cell
    frames = Frames.of([slab, WATER])
    found = closest_contacts(frames)
    assert found[0] == pytest.approx(apart / (2 * 1.06), rel=0.02)
    assert found[1] == closest_contacts(Frames.of([WATER]))[0]
    assert scattered(frames, 2.0).tolist() == [False, False]
