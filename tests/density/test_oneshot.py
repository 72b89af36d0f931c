"""The physics of one step: with the exact density it is the SCF, and from any density it says how far off it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.io.cube import read_cube_data

from reactal.density.oneshot import OneShot, Stage, write_cube
from reactal.density.reference import ReferenceDensity
from reactal.units import BOHR, HARTREE

MILLI = 1e3 / HARTREE
HARRIS_FLOOR = 0.3  # mHa, of the exact density: what fitting it costs
FIRST_STEP_FLOOR = 0.02  # mHa
FORCE_FLOOR = 3e-3  # eV/angstrom
ELECTRONS = 1e-6


@pytest.fixture(scope="module")
def stage(water_density: ReferenceDensity) -> Stage:
    return Stage(water_density.structure, water_density.theory)


@pytest.fixture(scope="module")
def exact(stage: Stage, water_density: ReferenceDensity) -> OneShot:
    return stage.run(stage.residual_of(water_density.density), forces=True)


def test_the_exact_density_gives_the_energy_of_the_scf(exact: OneShot, water_density: ReferenceDensity) -> None:
    assert abs(exact.harris - water_density.energy) * MILLI < HARRIS_FLOOR
    assert exact.first_step is not None
    assert abs(exact.first_step - water_density.energy) * MILLI < FIRST_STEP_FLOOR
    assert exact.forces is not None
    np.testing.assert_allclose(exact.forces, water_density.forces, atol=FORCE_FLOOR)


def test_orbitals_and_dipole_are_those_of_water(exact: OneShot) -> None:
    gap = exact.orbital_energies[4] - exact.orbital_energies[3]
    assert 5.0 < gap < 12.0  # eV; PBE has some 6 to 8
    assert 0.3 < np.linalg.norm(exact.dipole) < 0.5  # e*angstrom; measured 1.85 debye, 0.385


def test_electrons_are_conserved_whatever_is_predicted(stage: Stage) -> None:
    wild = np.random.default_rng(3).normal(0.0, 0.05, stage.coulomb.functions.nao)
    assert abs(stage.run(wild).electrons - stage.mole.nelectron) < ELECTRONS


def test_the_step_bounds_its_own_error_and_the_first_step_energy_stays_above(
    stage: Stage, water_density: ReferenceDensity
) -> None:
    shot = stage.run(0.6 * stage.residual_of(water_density.density), first_step=True)
    error = abs(shot.harris - water_density.energy)
    assert shot.first_step is not None
    assert shot.first_step > water_density.energy
    assert 1.0 < error * MILLI < shot.residual * MILLI


def test_blocks_of_integrals_give_what_all_at_once_give(water_density: ReferenceDensity) -> None:
    whole, parts = (Stage(water_density.structure, water_density.theory, memory_mib=room).coulomb for room in (500, 0))
    np.testing.assert_allclose(whole.moments(water_density.density), parts.moments(water_density.density), atol=1e-10)


def test_a_cube_holds_the_electrons(stage: Stage, exact: OneShot, tmp_path: Path) -> None:
    write_cube(stage, exact.density, tmp_path / "water.cube")
    values, atoms = read_cube_data(str(tmp_path / "water.cube"))
    voxel = atoms.cell.volume / BOHR**3 / values.size
    assert float(values.sum() * voxel) == pytest.approx(stage.mole.nelectron, rel=0.01)
