"""Trajectories whose structure, drift, diffusion and spectrum are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.exploration.dynamics import langevin
from reactal.exploration.guards import Guards
from reactal.units import AMU_ANGSTROM2_PER_FS2, KELVIN
from reactal.validation.trajectories import (
    diffusion,
    energy_drift,
    kinetic_energies,
    mean_square_displacement,
    pair_distances,
    radial_distribution,
    velocities_of,
    vibrational_spectrum,
)
from tests.exploration.surfaces import Surface, tethered

RESOLUTION = 25.0  # cm^-1, of a run of a picosecond and a quarter
IDEAL = 0.05  # of g in a random gas
EINSTEIN = 0.1  # of a diffusion coefficient from a random walk of a few hundred particles
HYDROGEN = 1.008  # u


def test_a_straight_line_is_a_drift_and_a_wave_is_noise() -> None:
    times = np.arange(1001)
    rising = energy_drift(1e-6 * times, timestep_fs=0.5, atoms=4)
    assert rising.slope == pytest.approx(1e-6 / 0.5e-3 * 1e3 / 4) and rising.noise == pytest.approx(0, abs=1e-9)
    wavy = energy_drift(0.01 * np.sin(times), timestep_fs=0.5, atoms=1)
    assert wavy.noise == pytest.approx(10 / np.sqrt(2), rel=0.01) and abs(wavy.slope) < 0.5
    assert np.isnan(energy_drift(np.zeros(2), timestep_fs=1.0, atoms=1).slope)


def test_an_atom_on_a_spring_has_one_line_in_its_spectrum_and_keeps_its_energy() -> None:
    stiffness, step = 20.0, 0.5
    start = Structure((1,), np.zeros((1, 3)), multiplicity=2)
    runs = langevin(
        Surface(tethered(stiffness, start.positions)),
        Frames.of([start]),
        temperatures=[300.0],
        steps=2500,
        timestep_fs=step,
        friction=0.0,
        guards=Guards(trust=1e9, cap=1e9, temperature_factor=1e9),
        rng=np.random.default_rng(0),
        stride=1,
        velocities=np.asarray([[0.02, 0.01, -0.01]]),
    )
    positions = runs.frames.positions.reshape(-1, 1, 3)
    masses = np.asarray([HYDROGEN])
    speed = velocities_of(positions, timestep_fs=step)
    axis, intensity = vibrational_spectrum(speed, masses, timestep_fs=step)
    expected = np.sqrt(stiffness / HYDROGEN / AMU_ANGSTROM2_PER_FS2) / (2 * np.pi) * 1e15 / 2.99792458e10
    assert axis[np.argmax(intensity)] == pytest.approx(expected, abs=RESOLUTION)
    near = np.abs(axis - expected) < 3 * RESOLUTION
    assert np.trapezoid(intensity[near], axis[near]) > 0.9
    kinetic = kinetic_energies(speed, masses)
    heat = 1.5 * KELVIN * runs.frames.extra["temperature"][1:-1]
    np.testing.assert_allclose(kinetic, heat, rtol=1e-3, atol=1e-8)
    total = runs.frames.energy[1:-1] + kinetic
    assert abs(energy_drift(total, timestep_fs=step, atoms=1).slope) < 0.01


def test_a_random_walk_diffuses_as_einstein_says() -> None:
    """Each step is normal with width s: D = s^2 / (2 dt)."""
    rng = np.random.default_rng(1)
    width, step = 0.05, 2.0
    positions = np.cumsum(rng.normal(0, width, (2000, 300, 3)), axis=0)
    moved = mean_square_displacement(positions, np.ones(300))
    assert moved[0] == pytest.approx(0, abs=1e-9) and moved[1] == pytest.approx(3 * width**2, rel=0.01)
    expected = width**2 / (2 * step) * 0.1
    assert diffusion(moved, timestep_fs=step) == pytest.approx(expected, rel=EINSTEIN)


def test_displacements_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(2)
    positions, masses = rng.normal(size=(12, 3, 3)), np.asarray([1.0, 2.0, 3.0])
    centred = positions - np.einsum("n,kni->ki", masses, positions)[:, None] / masses.sum()
    by_hand = [np.mean([np.square(centred[s + t] - centred[s]).sum() / 3 for s in range(12 - t)]) for t in range(12)]
    np.testing.assert_allclose(mean_square_displacement(positions, masses), by_hand, atol=1e-12)


def test_a_gas_without_forces_has_no_structure() -> None:
    rng = np.random.default_rng(3)
    cell = np.eye(3) * 10.0
    positions = rng.uniform(0, 10.0, (40, 60, 3))
    everyone = np.ones(60, dtype=bool)
    distances = pair_distances(positions, everyone, everyone, cell)
    middle, g = radial_distribution(distances, steps=40, pairs=60 * 59 // 2, reach=5.0, bins=20, volume=1000.0)
    np.testing.assert_allclose(g[middle > 1.5], 1.0, atol=3 * IDEAL)
    assert g[middle > 1.5].mean() == pytest.approx(1.0, abs=IDEAL)


def test_a_crystal_has_its_shells() -> None:
    """Simple cubic: 6 neighbours at a, 12 at sqrt(2) a."""
    sites = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) * 3.0
    kind = np.ones(len(sites), dtype=bool)
    distances = pair_distances(sites[None], kind, kind, np.eye(3) * 18.0)
    middle, g = radial_distribution(distances, steps=1, pairs=len(distances), reach=5.0, bins=50, volume=18.0**3)
    shell = 4 / 3 * np.pi * ((middle + 0.05) ** 3 - (middle - 0.05) ** 3)
    neighbours = g * shell * (len(sites) - 1) / 18.0**3
    found = {round(float(r), 2): round(float(n)) for r, n in zip(middle, neighbours, strict=True) if n > 0.5}
    assert found == {3.05: 6, 4.25: 12}


def test_pairs_of_unlike_atoms_count_once() -> None:
    positions = np.asarray([[[0, 0, 0], [1, 0, 0], [0, 2, 0.0]]])
    first = np.asarray([True, False, False])
    assert sorted(pair_distances(positions, first, ~first)) == pytest.approx([1, 2])
    assert len(pair_distances(positions, ~first, ~first)) == 1
