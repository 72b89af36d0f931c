"""A committee made for dynamics says what the committee says, by the dense form and by lists of pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from reactal.chem import Frames, Structure
from reactal.potentials.architecture import Architecture
from reactal.potentials.batch import collate
from reactal.potentials.committee import Committee
from reactal.potentials.dense import dense_energies_and_slopes, has_dense_form
from reactal.potentials.driving import DrivenCommittee
from reactal.potentials.evaluation import eager
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network

SMALL = Architecture(features=8, interactions=2, radial=6)
ROUNDING = 1e-10  # eV, eV/angstrom in double precision
SINGLE = 2e-4  # eV, eV/angstrom

WATER = Structure((8, 1, 1), [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
METHANE = Structure(
    (6, 1, 1, 1, 1), [[0, 0, 0], [0.63, 0.63, 0.63], [-0.63, -0.63, 0.63], [-0.63, 0.63, -0.63], [0.63, -0.63, -0.63]]
)
BOXED = Structure((18, 18), [[0.5, 0, 0], [4.0, 0, 0]], cell=np.eye(3) * 6.0, pbc=(True, True, True))


def committee(architecture: Architecture = SMALL, members: int = 2) -> Committee:
    references = References(((1, -13.6), (6, -1030.0), (8, -2040.0), (18, -100.0)))
    return Committee(tuple(build_network(architecture, seed=i) for i in range(members)), references, ScreenedRepulsion())


def crowd() -> Frames:
    """Sizes mixed, some atoms close enough to feel the prior."""
    rng = np.random.default_rng(0)
    shapes = [WATER, METHANE, WATER, WATER, METHANE]
    return Frames.of([shape.moved(shape.positions + 0.08 * rng.normal(size=shape.positions.shape)) for shape in shapes])


def assert_alike(driven: DrivenCommittee, plain: Committee, frames: Frames, *, within: float) -> None:
    found, expected = driven.predict(frames), plain.predict(frames)
    for name in ("energy", "forces", "energy_spread", "force_spread"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=within, rel=within), name


def test_the_dense_form_is_the_network() -> None:
    network = build_network(SMALL, seed=1).double().requires_grad_(False)
    places = METHANE.positions + 0.1 * np.random.default_rng(1).normal(size=(3, 5, 3))
    frames = Frames.repeat(METHANE, places)
    energy, slope = eager(network, collate(frames, SMALL.cutoff))
    numbers = torch.tensor(frames.numbers.astype(np.int64)).reshape(3, 5)
    found, slopes = dense_energies_and_slopes(network, torch.tensor(places), numbers)
    assert found.numpy() == pytest.approx(energy.numpy(), abs=ROUNDING)
    assert slopes.reshape(-1, 3).numpy() == pytest.approx(slope.numpy(), abs=ROUNDING)
    assert np.abs(slope.numpy()).max() > 1e-3


@pytest.mark.parametrize(
    "architecture",
    [SMALL, Architecture(kind="schnet", features=8, interactions=2, radial=6), replace(SMALL, heads=2)],
    ids=["dense", "lists", "heads"],
)
def test_it_says_what_the_committee_says(architecture: Architecture) -> None:
    plain = committee(architecture)
    assert_alike(DrivenCommittee(plain, dtype=torch.float64), plain, crowd(), within=ROUNDING)
    assert_alike(DrivenCommittee(plain), plain, crowd(), within=SINGLE)
    assert plain.networks[0].outnet[0].weight.dtype == torch.float64  # the committee stays as it is
    assert has_dense_form(SMALL)
    assert not has_dense_form(replace(SMALL, heads=2))


def test_several_threads_say_the_same() -> None:
    driven, frames = DrivenCommittee(committee()), Frames.concat([crowd()] * 12)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = driven.predict(frames)
        torch.set_num_threads(3)
        three = driven.predict(frames)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert (one.forces == three.forces).all()


def test_the_leader_is_the_first_member() -> None:
    plain = committee(members=3)
    energies, forces = DrivenCommittee(plain, dtype=torch.float64).lead(crowd())
    all_energies, all_forces = plain.energies_and_forces_members(crowd())
    assert energies == pytest.approx(all_energies[0], abs=ROUNDING)
    assert forces == pytest.approx(all_forces[0], abs=ROUNDING)


def test_lists_are_renewed_when_an_atom_comes_from_beyond_them() -> None:
    """In a cell, moved in steps that each stay within the skin and together do not."""
    plain = committee()
    driven = DrivenCommittee(plain, dtype=torch.float64)
    frames = Frames.of([BOXED, BOXED.moved([[0.5, 0, 0], [3.5, 0, 0]])])
    for step in range(8):
        places = frames.positions + step * np.asarray([0.0, 0.25, 0.1]) * np.arange(4)[:, None]
        assert_alike(driven, plain, replace(frames, positions=places), within=ROUNDING)
