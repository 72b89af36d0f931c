"""What any potential owes to physics, whatever its weights."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reactal.chem import Frames, Structure
from reactal.potentials.architecture import Kind
from reactal.potentials.committee import Committee
from reactal.training.committee import assemble
from reactal.training.member import train_member
from reactal.training.settings import TrainingSettings
from reactal.units import AMU_ANGSTROM2_PER_FS2
from tests.potentials.surface import KINDS, METHANOL, WATER, committee_of_random_networks, labelled, stirred

EXACT = 1e-9  # eV and eV/angstrom: what float64 leaves of energies of thousands of eV
TURNED = {"so3net": 1e-7}  # eV and eV/angstrom: its Clebsch-Gordan coefficients are in single precision
DIFFERENCE_STEP = 1e-4  # angstrom
DIFFERENCE_ERROR = 1e-6  # eV/angstrom, and of the force
CATION = replace(METHANOL, charge=1, multiplicity=2)
MASSES = np.array([15.999, 1.008, 1.008])[:, None] * AMU_ANGSTROM2_PER_FS2  # eV fs^2/angstrom^2


DROPOUT: dict[str, Any] = {"members": 1, "heads": 3, "dropout": 0.5}
EVIDENCE: dict[str, Any] = {"members": 1, "says": "evidence"}
WAYS: list[tuple[Kind, dict[str, Any]]] = [
    *((kind, {"states": states}) for kind, states in product(KINDS, (False, True))),
    ("painn", DROPOUT),
    ("so3net", DROPOUT),
    ("painn", EVIDENCE),
    ("field_schnet", EVIDENCE),
]


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: "-".join([way[0], *map(str, way[1].values())]))
def committee(request: pytest.FixtureRequest) -> Committee:
    """Of every kind, as it is and with charge and multiplicity known to it; methanol is a cation here. And networks with their
    doubt in themselves."""
    kind, more = request.param
    committee = committee_of_random_networks(kind, **more)
    for seed, network in enumerate(committee.networks):
        stirred(network, size=0.03, seed=seed)
    return committee


@pytest.fixture(scope="module")
def trained() -> Committee:
    settings = TrainingSettings(steps_first=220)
    return assemble([train_member(labelled(WATER, count=40), settings, seed=3)])


def shaken(molecule: Structure, seed: int = 0) -> Structure:
    return molecule.moved(molecule.positions + np.random.default_rng(seed).normal(0, 0.1, molecule.positions.shape))


def test_energy_is_blind_to_rotation_and_translation_and_forces_turn_along(committee: Committee) -> None:
    structure = shaken(CATION)
    turn = Rotation.from_rotvec([0.3, -1.1, 0.7]).as_matrix()
    before = committee.predict(Frames.of([structure]))
    after = committee.predict(Frames.of([structure.moved(structure.positions @ turn.T + [3.0, -2.0, 11.0])]))
    close = TURNED.get(committee.architecture.kind, EXACT)
    assert after.energy == pytest.approx(before.energy, abs=close)
    assert after.forces == pytest.approx(before.forces @ turn.T, abs=close)
    assert after.force_spread == pytest.approx(before.force_spread, abs=close)
    assert after.energy_spread == pytest.approx(before.energy_spread, abs=close)
    assert before.force_spread.min() > 0 and before.energy_spread.min() > 0


def test_atoms_of_one_element_are_exchangeable(committee: Committee) -> None:
    structure = shaken(CATION)
    order = np.array([0, 1, 4, 2, 5, 3])
    before = committee.predict(Frames.of([structure]))
    after = committee.predict(Frames.of([structure.moved(structure.positions[order])]))
    assert after.energy == pytest.approx(before.energy, abs=EXACT)
    assert after.forces == pytest.approx(before.forces[order], abs=EXACT)
    assert after.force_spread == pytest.approx(before.force_spread[order], abs=EXACT)


def test_forces_are_the_slope_of_the_energy(committee: Committee) -> None:
    structure = shaken(CATION)
    size = structure.positions.size
    steps = DIFFERENCE_STEP * np.eye(size).reshape(size, -1, 3)
    energy = committee.predict(
        Frames.repeat(structure, np.concatenate([structure.positions + steps, structure.positions - steps]))
    ).energy
    slope = (energy[size:] - energy[:size]) / (2 * DIFFERENCE_STEP)
    assert committee.predict(Frames.of([structure])).forces.ravel() == pytest.approx(
        slope, rel=DIFFERENCE_ERROR, abs=DIFFERENCE_ERROR
    )


def test_forces_and_torques_of_a_free_molecule_vanish(committee: Committee) -> None:
    structure = shaken(CATION)
    forces = committee.predict(Frames.of([structure])).forces
    assert forces.sum(axis=0) == pytest.approx(0, abs=EXACT)
    torque = np.cross(structure.positions, forces).sum(axis=0)
    assert torque == pytest.approx(0, abs=TURNED.get(committee.architecture.kind, EXACT))


def test_two_molecules_far_apart_have_the_sum_of_their_energies(committee: Committee) -> None:
    first, second = shaken(METHANOL), shaken(WATER)
    apart = second.positions + np.array([committee.architecture.cutoff + 8.0, 0.0, 0.0])
    both = Structure(first.numbers + second.numbers, np.concatenate([first.positions, apart]))
    alone = committee.predict(Frames.of([first, second]))
    together = committee.predict(Frames.of([both]))
    assert together.energy[0] == pytest.approx(alone.energy.sum(), abs=EXACT)
    assert together.forces == pytest.approx(alone.forces, abs=EXACT)
    assert together.force_spread == pytest.approx(alone.force_spread, abs=EXACT)
    if committee.architecture.says == "evidence":
        assert together.energy_spread[0] == pytest.approx(np.hypot(*alone.energy_spread), rel=1e-9)


def test_energy_and_forces_pass_the_cutoff_smoothly(committee: Committee) -> None:
    cutoff = committee.architecture.cutoff
    apart = np.array([cutoff - 1e-4, cutoff - 1e-5, cutoff + 1e-5, cutoff + 1.0])
    pair = Structure.from_symbols("OO", [[0, 0, 0], [cutoff, 0, 0]], charge=-1, multiplicity=2)
    places = np.zeros((4, 2, 3))
    places[:, 1, 0] = apart
    prediction = committee.predict(Frames.repeat(pair, places))
    assert np.ptp(prediction.energy) == pytest.approx(0, abs=1e-8)
    assert np.ptp(prediction.energy_spread) == pytest.approx(0, abs=1e-8)
    assert np.abs(prediction.forces[:6]).max() < 1e-4
    assert np.array_equal(prediction.forces[6:], np.zeros((2, 3)))


def test_hessian_is_the_slope_of_the_forces_and_leaves_rigid_motion_free(committee: Committee) -> None:
    structure = shaken(WATER)
    hessian = committee.hessian(structure)
    kick = np.random.default_rng(1).normal(size=structure.positions.shape) * DIFFERENCE_STEP
    moved = Frames.repeat(structure, np.stack([structure.positions + kick, structure.positions - kick]))
    change = np.subtract(*committee.predict(moved).forces.reshape(2, -1)) / 2
    assert -hessian @ kick.ravel() == pytest.approx(change, abs=1e-8)  # 1e-4 eV/angstrom^2
    assert hessian == pytest.approx(hessian.T, abs=0)
    assert hessian.reshape(9, 3, 3).sum(axis=1) == pytest.approx(0, abs=1e-4)


def test_atoms_pushed_together_are_pushed_apart(committee: Committee) -> None:
    places = np.zeros((1, 2, 3))
    places[0, 1, 0] = 0.35
    crushed = Frames.repeat(Structure.from_symbols("OO", [[0, 0, 0], [2.0, 0, 0]]), places)
    forces = committee.predict(crushed).forces
    assert forces[0, 0] < -100.0
    assert forces[1, 0] > 100.0


def test_energy_is_conserved_in_dynamics(trained: Committee) -> None:
    """Velocity Verlet: halving the time step leaves a quarter of the error, so what is left is the integrator's."""
    drift = [_energy_range(trained, step=step, duration=40.0) for step in (0.4, 0.2)]
    assert drift[0] < 5e-3  # eV, of some 0.1 eV that the molecule holds
    assert drift[1] < drift[0] / 3


def _energy_range(committee: Committee, *, step: float, duration: float) -> float:
    frames = Frames.of([WATER])
    velocity = np.random.default_rng(5).normal(0, 1, (3, 3)) * np.sqrt(0.04 / MASSES)  # 0.04 eV a degree of freedom: 460 K
    now = committee.predict(frames)
    total = []
    for _ in range(round(duration / step)):
        half = velocity + 0.5 * step * now.forces / MASSES
        frames = Frames.repeat(WATER, (frames.positions + step * half)[None])
        now = committee.predict(frames)
        velocity = half + 0.5 * step * now.forces / MASSES
        total.append(float(now.energy[0] + 0.5 * (MASSES * velocity**2).sum()))
    return float(np.ptp(total))


def test_a_trained_potential_has_learned_the_surface(trained: Committee) -> None:
    fresh = labelled(WATER, count=30, seed=9)
    prediction = trained.predict(fresh)
    assert np.abs(prediction.energy - fresh.energy).mean() < 0.25 * np.abs(fresh.energy - fresh.energy.mean()).mean()
    assert np.abs(prediction.forces - fresh.forces).mean() < 0.25 * np.abs(fresh.forces).mean()
