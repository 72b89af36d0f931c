"""Replicas in one batch: what is recorded, how each ends, and that they do not feel each other."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.exploration.dynamics import langevin, thermal_velocities
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.modes import masses_of
from reactal.potentials.base import Prediction
from reactal.units import AMU_ANGSTROM2_PER_FS2, KELVIN
from tests.exploration.surfaces import Surface, morse_pair

PAIR = Structure((1, 1), [[0, 0, 0], [0.74, 0, 0]])
CALM = Guards(temperature_factor=1e9)


class PairsAndAtoms:
    """Morse pairs and free atoms side by side, in any mixture; `doubt` grows with the pair's length beyond 0.8 angstrom."""

    def __init__(self, slope: float = 0.0) -> None:
        self.slope = slope
        self.sizes: list[int] = []

    def predict(self, frames: Frames) -> Prediction:
        self.sizes.append(len(frames))
        energy, spread = np.zeros(len(frames)), np.zeros(len(frames.numbers))
        forces = np.zeros((len(frames.numbers), 3))
        surface = Surface(morse_pair)
        for i in range(len(frames)):
            rows = frames.atoms(i)
            if rows.stop - rows.start == 2:
                seen = surface.predict(frames[[i]])
                energy[i], forces[rows] = seen.energy[0], seen.forces
                length = np.linalg.norm(np.diff(frames.positions[rows], axis=0))
                spread[rows] = self.slope * max(0.0, length - 0.8)
        return Prediction(energy, forces, np.zeros(len(frames)), spread)


def test_columns_and_endings() -> None:
    frames = Frames.of([PAIR, Structure((18,), [[0, 0, 0]]), PAIR])
    runs = langevin(
        PairsAndAtoms(), frames, temperatures=[300, 300, 600], steps=20, guards=CALM, rng=np.random.default_rng(0), stride=5
    )
    assert set(runs.frames.extra) == {"replica", "step", "temperature", "disagreement"}
    assert runs.frames.extra["step"].tolist() == [s for s in (0, 5, 10, 15, 20) for _ in range(3)]
    assert runs.frames.extra["replica"].tolist() == [0, 1, 2] * 5
    assert runs.frames.sizes.tolist() == [2, 1, 2] * 5
    assert [(e.replica, e.step, e.reason, e.proposed) for e in runs.endings] == [(i, 20, Ended.COMPLETED, None) for i in range(3)]
    assert runs.frames.labelled.all()
    first = Surface(morse_pair).predict(runs.frames[[12]])
    assert runs.frames.energy[12] == pytest.approx(first.energy[0])
    assert np.allclose(runs.frames.forces[runs.frames.atoms(12)], first.forces)


def test_same_generator_gives_the_same_trajectory() -> None:
    frames = Frames.repeat(PAIR, np.stack([PAIR.positions] * 3))
    first, second = (
        langevin(Surface(morse_pair), frames, temperatures=300, steps=30, rng=np.random.default_rng(7)) for _ in range(2)
    )
    assert (first.frames.positions == second.frames.positions).all()


def test_proposed_frame_is_the_first_doubtful_one_and_never_beyond_the_cap() -> None:
    frames = Frames.repeat(PAIR, np.stack([PAIR.positions] * 12))
    guards = Guards(trust=1.0, cap=1.6, temperature_factor=1e9)
    runs = langevin(
        PairsAndAtoms(slope=10.0), frames, temperatures=3000, steps=200, guards=guards, rng=np.random.default_rng(0), stride=50
    )
    doubtful = [e for e in runs.endings if e.reason == Ended.DOUBTFUL]
    assert len(doubtful) >= 3
    for ending in doubtful:
        assert ending.proposed is not None
        assert 1.0 < runs.frames.extra["disagreement"][ending.proposed] <= 1.6
        assert runs.frames.extra["replica"][ending.proposed] == ending.replica
        assert runs.frames.extra["step"][ending.proposed] == ending.step
        before = (runs.frames.extra["replica"] == ending.replica) & (runs.frames.extra["step"] < ending.step)
        assert (runs.frames.extra["disagreement"][before] <= 1.0).all()
    assert runs.frames.extra["disagreement"].max() <= 1.6


def test_a_leap_over_the_doubtful_band_proposes_the_frame_before() -> None:
    frames = Frames.repeat(PAIR, np.stack([PAIR.positions] * 12))
    guards = Guards(trust=1.0, cap=1.0 + 1e-6, temperature_factor=1e9)
    runs = langevin(
        PairsAndAtoms(slope=200.0), frames, temperatures=3000, steps=200, guards=guards, rng=np.random.default_rng(0), stride=50
    )
    leapt = [e for e in runs.endings if e.reason == Ended.RUNAWAY]
    assert leapt
    for ending in leapt:
        assert ending.proposed is not None
        assert runs.frames.extra["step"][ending.proposed] == ending.step - 1
        assert runs.frames.extra["disagreement"][ending.proposed] <= 1.0


def test_ended_replicas_leave_the_batch_and_the_others_do_not_notice() -> None:
    doomed = PAIR.moved([[0, 0, 0], [0.95, 0, 0]])  # doubtful from the first step
    potential = PairsAndAtoms(slope=10.0)
    rng = np.random.default_rng(3)
    speeds = thermal_velocities(Frames.of([PAIR, doomed]), 30.0, rng)
    together = langevin(
        potential, Frames.of([PAIR, doomed]), temperatures=30, steps=40, guards=CALM, rng=rng, velocities=speeds, friction=0.0
    )
    alone = langevin(
        PairsAndAtoms(),
        Frames.of([PAIR]),
        temperatures=30,
        steps=40,
        guards=CALM,
        rng=np.random.default_rng(0),
        velocities=speeds[:2],
        friction=0.0,
    )
    assert together.endings[1].step == 0
    assert potential.sizes[0] == 2
    assert set(potential.sizes[1:]) == {1}
    survivor = together.frames[together.frames.extra["replica"] == 0]
    assert np.allclose(survivor.positions, alone.frames.positions, atol=1e-9)


def test_noise_of_a_replica_does_not_depend_on_its_neighbours_fate() -> None:
    frames = Frames.repeat(PAIR, np.stack([PAIR.positions] * 6))
    quiet, strict = (
        langevin(
            PairsAndAtoms(slope=10.0),
            frames,
            temperatures=2000,
            steps=60,
            guards=Guards(trust=trust, cap=1e9, temperature_factor=1e9, energy_window=1e9),
            rng=np.random.default_rng(5),
            stride=60,
        )
        for trust in (1e6, 1.0)
    )
    ended = {e.replica for e in strict.endings if e.reason != Ended.COMPLETED}
    stayed = sorted(set(range(6)) - ended)
    assert ended
    assert stayed
    for replica in stayed:
        last = [
            run.frames[(run.frames.extra["replica"] == replica) & (run.frames.extra["step"] == 60)] for run in (quiet, strict)
        ]
        assert np.allclose(last[0].positions, last[1].positions)


def test_thermal_velocities_have_their_temperature_and_no_drift() -> None:
    frames = Frames.repeat(
        Structure((6, 1, 1), [[0, 0, 0], [1.1, 0, 0], [0, 1.1, 0]]), np.random.default_rng(0).normal(size=(2000, 3, 3))
    )
    speed = thermal_velocities(frames, 500.0, np.random.default_rng(1))
    inertia = masses_of(frames.numbers) * AMU_ANGSTROM2_PER_FS2
    kinetic = 0.5 * (inertia[:, None] * speed**2).sum()
    assert kinetic == pytest.approx(0.5 * 2000 * (9 - 3) * KELVIN * 500, rel=0.03)
    momentum = np.add.reduceat(inertia[:, None] * speed, frames.offsets[:-1])
    assert np.abs(momentum).max() < 1e-10


def test_first_frame_is_guarded_too() -> None:
    crushed = Structure((1, 1), [[0, 0, 0], [0.32, 0, 0]])
    runs = langevin(
        Surface(morse_pair),
        Frames.of([crushed]),
        temperatures=10,
        steps=5,
        guards=Guards(energy_window=0.0),
        rng=np.random.default_rng(0),
    )
    assert runs.endings[0].reason != Ended.COMPLETED
