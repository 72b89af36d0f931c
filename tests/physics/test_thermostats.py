"""Integrators and thermostats against mechanics and statistics: drift, temperature and its fluctuation, exact potentials."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.exchange import TemperatureExchange, ladder
from reactal.exploration.guards import Guards
from reactal.exploration.modes import masses_of
from reactal.exploration.motion import maxwell
from reactal.exploration.replicas import Replicas
from reactal.exploration.thermostats import Isolated, Langevin, Rescaling
from reactal.potentials.base import Prediction
from reactal.units import AMU_ANGSTROM2_PER_FS2, KELVIN

FREE = Guards(trust=1e9, cap=1e9, energy_window=1e9, contact=0.0, temperature_factor=1e9, separation=1e9)
DRIFT = 1.0  # meV an atom and nanosecond
WITHIN = 0.02  # of theory, temperature and its fluctuation
HOME = np.asarray([[0.0, 0, 0], [3.0, 0, 0], [0, 3.0, 0], [0, 0, 3.0]])
FOUR = Structure((6, 8, 7, 7), HOME)


class Wells:
    """Every atom in a well of its own, with a quartic term; or, `inside`, springs between all atoms, so hard that modes mix."""

    def __init__(self, *, inside: bool = False) -> None:
        self.inside = inside

    def predict(self, frames: Frames) -> Prediction:
        x = frames.positions.reshape(len(frames), -1, 3)
        if self.inside:
            apart, rest = x[:, :, None] - x[:, None], HOME[:, None] - HOME
            off = apart - rest
            square = (off**2).sum(3, keepdims=True)
            energy = (0.75 * square + 50.0 * square**2).sum((1, 2, 3))
            forces = -(off * (3.0 + 400.0 * square)).sum(2)
        else:
            off = x - HOME
            square = (off**2).sum(2, keepdims=True)
            energy, forces = (1.5 * square + 4.0 * square**2).sum((1, 2)), -off * (3.0 + 16.0 * square)
        atoms = len(frames.numbers)
        return Prediction(energy, forces.reshape(-1, 3), np.zeros(len(frames)), np.zeros(atoms))


class Free:
    """No forces at all."""

    def predict(self, frames: Frames) -> Prediction:
        atoms = len(frames.numbers)
        return Prediction(np.zeros(len(frames)), np.zeros((atoms, 3)), np.zeros(len(frames)), np.zeros(atoms))


def crowd(count: int, **settings: object) -> Replicas:
    return Replicas.of(Frames.repeat(FOUR, np.stack([HOME] * count)), **settings)  # type: ignore[arg-type]


def test_velocity_verlet_does_not_drift() -> None:
    """The slope of the total energy over 1.5 ps at 0.5 fs, 100 replicas of anharmonic wells at 300 K."""
    steps = 3000
    replicas = crowd(100, temperatures=300.0, timesteps=0.5, seed=3)
    runs = simulate(Wells(), replicas, plan=Plan(steps, stride=50), thermostat=Isolated(), guards=FREE)
    kinetic = 1.5 * len(FOUR) * KELVIN * runs.frames.extra["temperature"]
    total = (runs.frames.energy + kinetic).reshape(-1, 100).mean(axis=1)
    nanoseconds = np.arange(len(total)) * 50 * 0.5e-6
    drift = 1000 * np.polyfit(nanoseconds, total, 1)[0] / len(FOUR)
    assert abs(drift) <= DRIFT
    assert np.ptp(runs.frames.energy) > 0.1  # it did move


def test_langevin_temperature_and_its_fluctuation() -> None:
    """The kinetic energy has the gamma distribution: mean n kT / 2, relative variance 2 / n."""
    replicas = crowd(500, temperatures=350.0, timesteps=1.0, seed=11)
    runs = simulate(Wells(), replicas, plan=Plan(800, stride=20), thermostat=Langevin(0.02), guards=FREE)
    late = runs.frames.extra["temperature"][runs.frames.extra["step"] >= 200]
    assert late.mean() == pytest.approx(350, rel=WITHIN)
    assert late.std() / late.mean() == pytest.approx(np.sqrt(2 / 12), rel=WITHIN)


def test_rescaling_temperature_and_its_fluctuation() -> None:
    """The same for free atoms that begin too cold; with the centre of mass at rest, nine directions are left."""
    replicas = crowd(1200, temperatures=350.0, timesteps=1.0, seed=11)
    cold = maxwell(replicas.frames, np.full(1200, 150.0), np.random.default_rng(0).standard_normal((4800, 3)))
    runs = simulate(
        Free(), replicas, plan=Plan(360, stride=20), thermostat=Rescaling(10.0), guards=FREE, velocities=cold
    )  # fmt: skip
    late = runs.frames.extra["temperature"][runs.frames.extra["step"] >= 60]
    assert late.mean() == pytest.approx(350, rel=WITHIN)
    assert late.std() / late.mean() == pytest.approx(np.sqrt(2 / 9), rel=WITHIN)


def test_rescaling_keeps_the_centre_of_mass() -> None:
    runs = simulate(Wells(inside=True), crowd(5), plan=Plan(200), thermostat=Rescaling(20.0), guards=FREE)
    mass = masses_of(FOUR.numbers)[:, None]
    momentum = (mass * runs.velocities.reshape(-1, 4, 3)).sum(1) * AMU_ANGSTROM2_PER_FS2
    assert np.abs(momentum).max() < 1e-10
    assert np.ptp(runs.frames.extra["temperature"]) > 50


def test_fixed_atoms_stay_and_the_others_have_the_right_temperature() -> None:
    replicas = crowd(250, temperatures=300.0, timesteps=1.0, fixed=np.tile([True, False, False, True], 250))
    runs = simulate(Wells(), replicas, plan=Plan(450, stride=20), guards=FREE)
    late = runs.frames[runs.frames.extra["step"] >= 200]
    places = late.positions.reshape(-1, 4, 3)
    assert (places[:, [0, 3]] == HOME[[0, 3]]).all()
    assert np.abs(places[:, 1] - HOME[1]).max() > 0.1
    assert late.extra["temperature"].mean() == pytest.approx(300, rel=0.03)


def test_each_replica_has_its_own_time_step() -> None:
    """A step of half the length goes half as far, from the same start with the same speeds."""
    speed = np.tile([[1e-3, 0, 0]] + [[0.0, 0, 0]] * 3, (2, 1))
    replicas = crowd(2, timesteps=[0.4, 0.2])
    runs = simulate(Wells(), replicas, plan=Plan(1, 1), thermostat=Isolated(), guards=FREE, velocities=speed)
    moved = runs.frames.positions.reshape(-1, 4, 3)[-2:, 0, 0]
    assert moved[0] == pytest.approx(2 * moved[1], rel=1e-3)


def test_exchange_keeps_every_rung_at_its_energy() -> None:
    """The mean potential energy of each rung is what it is without exchange, and exchanges do happen."""
    rungs = ladder(200.0, 450.0, 4)
    replicas = crowd(160, temperatures=np.tile(rungs, 40), timesteps=1.0, seed=2)
    ladders = [list(range(i, i + 4)) for i in range(0, 160, 4)]
    exchange = TemperatureExchange(ladders, pace=20, rng=np.random.default_rng(0))
    seen: list[np.ndarray] = []

    class Watched:
        def between(self, now: object, motion: object) -> None:
            exchange.between(now, motion)  # type: ignore[arg-type]
            if now.steps[0] >= 200 and now.steps[0] % 20 == 0:  # type: ignore[attr-defined]
                order = np.argsort(motion.bath.reshape(40, 4), axis=1)  # type: ignore[attr-defined]
                seen.append(np.take_along_axis(now.seen.energy.reshape(40, 4), order, axis=1))  # type: ignore[attr-defined]

    simulate(Wells(), replicas, plan=Plan(500), exchange=Watched(), guards=FREE)
    apart = simulate(Wells(), replicas, plan=Plan(500, 20), guards=FREE).frames
    alone = apart.energy.reshape(-1, 40, 4)[10:].mean(axis=(0, 1))
    assert np.mean(seen, axis=(0, 1)) == pytest.approx(alone, rel=0.06)
    assert 0.2 < exchange.accepted / exchange.tried < 0.95
