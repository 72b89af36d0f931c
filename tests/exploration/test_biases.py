"""Walls, springs and the bias towards doubt: forces are slopes of energies, and they lead where they should."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.exploration.biases import Bias, Sphere, Spring
from reactal.exploration.collective import Distance, Torsion, parsed
from reactal.exploration.doubt import TowardsDoubt
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.guards import Guards
from reactal.exploration.replicas import Replicas
from tests.exploration.surfaces import Surface, hcch, morse_pair, rotor

FREE = Guards(trust=1e9, cap=1e9, energy_window=1e9, contact=0.0, temperature_factor=1e9, separation=1e9)
STEP = 1e-5  # angstrom
SLOPE = 1e-6
NONE = np.zeros(2, dtype=np.int64)


class Opinions:
    """Three members that agree where the pair has 0.74 angstrom and differ more and more beyond."""

    def members(self, frames: Frames) -> tuple[np.ndarray, np.ndarray]:
        seen = Surface(morse_pair).predict(frames)
        place = frames.positions.reshape(-1, 2, 3)
        arm = place[:, 1] - place[:, 0]
        r = np.linalg.norm(arm, axis=1)
        tilt = np.asarray([-0.3, 0.1, 0.2])[:, None]
        pull = -(tilt * 2 * (r - 0.74) / r)[:, :, None] * arm
        return seen.energy + tilt * (r - 0.74) ** 2, seen.forces + np.stack([-pull, pull], axis=2).reshape(3, -1, 3)


def assert_slope(bias: Bias, frames: Frames) -> None:
    alive = np.arange(len(frames))
    steps = np.full(len(frames), 7)
    _, forces = bias.pull(frames, alive, steps)
    assert np.abs(forces).max() > 1e-3
    for atom in range(len(frames.numbers)):
        for axis in range(3):
            sides = []
            for sign in (1, -1):
                places = frames.positions.copy()
                places[atom, axis] += sign * STEP
                moved = Frames.repeat(frames.structure(0), places.reshape(len(frames), -1, 3))
                sides.append(bias.pull(moved, alive, steps)[0].sum())
            assert forces[atom, axis] == pytest.approx(-(sides[0] - sides[1]) / (2 * STEP), abs=SLOPE)


def test_forces_are_slopes() -> None:
    chain = Frames.of([hcch(1.3, twist=0.4), hcch(1.7, twist=-1.0)])
    assert_slope(Sphere(0.8), chain)
    variables = (parsed("d(1,2)-d(0,3)", hcch(1.2)), Torsion(0, 1, 2, 3))
    centres = np.asarray([[0.5, 3.0], [-1.0, -3.0]])
    assert_slope(Spring(variables, np.asarray([2.0, 0.3]), centres), chain)
    assert_slope(Spring(variables, np.asarray([2.0, 0.3]), centres, to=-centres, over=20), chain)
    pairs = Frames.of([Structure((1, 1), [[0, 0, 0], [r, 0.1, 0]]) for r in (0.9, 1.2)])
    assert_slope(TowardsDoubt(Opinions(), depth=0.4, width=0.02), pairs)


def test_sphere_pulls_nobody_as_a_whole() -> None:
    chain = Frames.of([hcch(1.3, twist=0.4)])
    _, forces = Sphere(0.8).pull(chain, NONE[:1], NONE[:1])
    assert np.abs(forces.sum(axis=0)).max() < 1e-12
    assert (Sphere(9.0).pull(chain, NONE[:1], NONE[:1])[1] == 0).all()


def test_windows_hold_and_steered_replicas_arrive() -> None:
    """One batch: windows over both wells of the rotor and the barrier between; then one replica is led across."""
    starts = Frames.of([hcch(1.2)] * 5)
    goals = np.linspace(1.2, 2.0, 5)[:, None]
    hard = np.asarray([60.0])
    spring = Spring((Distance(1, 2),), hard, np.full((5, 1), 1.2), to=goals, over=300)
    replicas = Replicas.of(starts, temperatures=100.0, timesteps=0.4)
    runs = simulate(Surface(rotor), replicas, plan=Plan(500, 50), guards=FREE, biases=[spring])
    late = runs.frames[runs.frames.extra["step"] >= 400]
    lengths = np.linalg.norm(late.positions.reshape(-1, 4, 3)[:, 2] - late.positions.reshape(-1, 4, 3)[:, 1], axis=1)
    for window in range(5):
        assert lengths[late.extra["replica"] == window].mean() == pytest.approx(goals[window, 0], abs=0.1)


def test_doubt_is_sought() -> None:
    """With the bias, replicas come to where members differ more than without."""
    pair = Structure((1, 1), [[0, 0, 0], [0.80, 0, 0]])
    replicas = Replicas.of(Frames.repeat(pair, np.stack([pair.positions] * 20)), temperatures=600.0, timesteps=0.4)
    biased = TowardsDoubt(Opinions(), depth=2.0, width=0.01)
    found = []
    for biases in ([], [biased]):
        runs = simulate(biased, replicas, plan=Plan(300, 10), guards=FREE, biases=biases)
        found.append(runs.frames.extra["disagreement"].mean())
    assert found[1] > 1.2 * found[0]
