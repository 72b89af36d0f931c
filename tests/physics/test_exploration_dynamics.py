"""Dynamics obeys mechanics and statistics: conserved energy, right temperature, Boltzmann's width."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.exploration.dynamics import langevin, thermal_velocities
from reactal.exploration.guards import Guards
from reactal.exploration.modes import masses_of
from reactal.units import AMU_ANGSTROM2_PER_FS2, KELVIN
from tests.exploration.surfaces import Surface, hcch, morse_pair, rotor, tethered

FREE = Guards(trust=1e9, cap=1e9, energy_window=1e9, contact=0.0, temperature_factor=1e9, separation=1e9)
DRIFT = 2e-3  # eV over 500 steps of 0.25 fs at 300 K


def total_energy(surface: Surface, frames: Frames, velocities: np.ndarray) -> float:
    inertia = masses_of(frames.numbers) * AMU_ANGSTROM2_PER_FS2
    return float(surface.predict(frames).energy.sum() + 0.5 * (inertia[:, None] * velocities**2).sum())


def test_without_friction_energy_is_conserved() -> None:
    surface = Surface(rotor)
    frames = Frames.of([hcch(1.2)])
    speed = thermal_velocities(frames, 300.0, np.random.default_rng(0))
    runs = langevin(
        surface, frames, temperatures=300, steps=500, timestep_fs=0.25, friction=0.0, guards=FREE, rng=np.random.default_rng(1),
        velocities=speed, stride=500,
    )  # fmt: skip
    before = total_energy(surface, frames, speed)
    after = total_energy(surface, runs.frames[[-1]], runs.velocities)
    assert after == pytest.approx(before, abs=DRIFT)
    assert abs(surface.predict(runs.frames[[-1]]).energy[0] - surface.predict(frames).energy[0]) > 5 * DRIFT  # it did move


def test_error_of_the_integrator_is_of_second_order() -> None:
    """Velocity Verlet: halving the step quarters the energy error."""
    pair = Structure((1, 1), [[0, 0, 0], [0.80, 0, 0]])
    surface = Surface(morse_pair)
    errors = []
    for dt in (0.4, 0.2):
        runs = langevin(
            surface, Frames.of([pair]), temperatures=0.0, steps=round(40 / dt), timestep_fs=dt, friction=0.0, guards=FREE,
            rng=np.random.default_rng(0), velocities=np.zeros((2, 3)), stride=1,
        )  # fmt: skip
        kinetic = runs.frames.extra["temperature"] * 1.5 * 2 * KELVIN
        errors.append(np.ptp(runs.frames.energy + kinetic))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.2)


def test_langevin_gives_temperature_and_boltzmann_width() -> None:
    """Atoms on springs: <m v²> = kT and <x²> = kT / k, whatever the friction."""
    stiffness, temperature = 2.0, 400.0
    home = np.asarray([[0, 0, 0], [8.0, 0, 0]])
    frames = Frames.repeat(Structure((6, 1), home, charge=1), np.stack([home] * 150))
    runs = langevin(
        Surface(tethered(stiffness, home)), frames, temperatures=temperature, steps=600, timestep_fs=1.0, friction=0.05,
        guards=FREE, rng=np.random.default_rng(0), stride=30,
    )  # fmt: skip
    late = runs.frames[runs.frames.extra["step"] >= 150]
    assert late.extra["temperature"].mean() == pytest.approx(temperature, rel=0.04)
    moved = late.positions.reshape(-1, 2, 3) - home
    assert moved.var() == pytest.approx(KELVIN * temperature / stiffness, rel=0.05)
    assert moved[:, 0].var() == pytest.approx(moved[:, 1].var(), rel=0.1)  # mass does not matter to the width


def test_replicas_keep_their_own_temperatures() -> None:
    home = np.asarray([[0.0, 0, 0]])
    frames = Frames.repeat(Structure((18,), home), np.stack([home] * 300))
    bath = np.repeat([100.0, 800.0], 150)
    runs = langevin(
        Surface(tethered(2.0, home)), frames, temperatures=bath, steps=300, timestep_fs=2.0, friction=0.05, guards=FREE,
        rng=np.random.default_rng(0), stride=50,
    )  # fmt: skip
    late = runs.frames[runs.frames.extra["step"] >= 100]
    hot = bath[late.extra["replica"]] > 400
    assert late.extra["temperature"][~hot].mean() == pytest.approx(100, rel=0.1)
    assert late.extra["temperature"][hot].mean() == pytest.approx(800, rel=0.1)
