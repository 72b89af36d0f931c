"""Crystals of a potential whose stress and bulk modulus are known on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.potentials.base import Prediction
from reactal.stages.check_crystal import check_crystal, periodic_structure
from reactal.units import AMU_ANGSTROM2_PER_FS2
from reactal.validation.crystal import GIGAPASCAL, equation_of_state, phonon_wavenumbers, strained, stress_of

SIDE, MODULUS = 4.0, 0.8  # angstrom, eV/angstrom^3
ARGON = 39.948  # u
FIT = 0.01  # of a bulk modulus, a cubic's end terms


class Foam:
    """E = B / 2 (V - V0)^2 / V0 of the cell alone, with a shear modulus of B / 4."""

    def predict(self, frames: Frames) -> Prediction:
        assert frames.cell is not None
        rest = SIDE**3
        volume = np.abs(np.linalg.det(frames.cell))
        lengths = frames.cell @ frames.cell.transpose(0, 2, 1)
        shear = np.square(lengths[:, [0, 0, 1], [1, 2, 2]]).sum(axis=1) / SIDE**4
        energy = MODULUS / 2 * (volume - rest) ** 2 / rest + MODULUS / 8 * rest * shear
        return Prediction(energy, np.zeros((len(frames.numbers), 3)), np.zeros(len(frames)), np.zeros(len(frames.numbers)))


def crystal(scale: float = 1.0) -> Structure:
    return Structure(
        (29, 29), np.asarray([[0, 0, 0], [0.5, 0.5, 0.5]]) * SIDE * scale, cell=np.eye(3) * SIDE * scale, pbc=(True,) * 3
    )


def test_stress_is_the_slope_of_the_energy_by_the_strain() -> None:
    pressed = crystal(0.98)
    pressure = -MODULUS * (0.98**3 - 1)  # -dE/dV
    np.testing.assert_allclose(stress_of(Foam(), pressed), -pressure * np.eye(3), atol=1e-6)
    sheared = strained(crystal(), np.asarray([[0, 0.01, 0], [0.01, 0, 0], [0, 0, 0]]))
    assert stress_of(Foam(), sheared)[0, 1] > 1e-3 and abs(stress_of(Foam(), sheared)[0, 2]) < 1e-9


def test_an_equation_of_state_finds_volume_and_bulk_modulus() -> None:
    found = equation_of_state(Foam(), crystal(1.01))
    assert found.volume == pytest.approx(SIDE**3, rel=1e-3)
    assert found.bulk_modulus == pytest.approx(MODULUS / GIGAPASCAL, rel=FIT)
    assert equation_of_state(Foam(), crystal(1.2)).bulk_modulus is None, "the minimum lies outside"


def test_a_deformed_crystal_keeps_its_fractions() -> None:
    stretch = np.asarray([[0.1, 0.02, 0], [0.02, 0, 0], [0, 0, -0.05]])
    there = strained(crystal(), stretch)
    assert there.cell is not None
    np.testing.assert_allclose(there.positions @ np.linalg.inv(there.cell), [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-12)
    assert frames_hold(there)


def frames_hold(one: Structure) -> bool:
    return Frames.of([one]).structure(0) == one


class Springs:
    """Like atoms on a simple cubic lattice; springs of every direction join neighbours along the axes, k (x_i - x_j)^2 / 2
    of their displacements: each polarisation then has omega^2 = 4 k / m sum_i sin^2(q_i / 2)."""

    stiffness, side = 2.0, 3.0  # eV/angstrom^2, angstrom

    def predict(self, frames: Frames) -> Prediction:
        energy, forces = np.zeros(len(frames)), np.zeros_like(frames.positions)
        for i in range(len(frames)):
            rows = frames.atoms(i)
            assert frames.cell is not None
            count = np.rint(np.diag(frames.cell[i]) / self.side).astype(int)
            site = np.rint(frames.positions[rows] / self.side).astype(int)
            moved = frames.positions[rows] - site * self.side
            order = {tuple(place % count): row for row, place in enumerate(site)}
            for step in np.eye(3, dtype=int):
                there = np.asarray([order[tuple((place + step) % count)] for place in site])
                apart = moved[there] - moved
                energy[i] += self.stiffness / 2 * np.square(apart).sum()
                pull = self.stiffness * apart
                forces[rows] += pull
                np.subtract.at(forces[rows], there, pull)
        return Prediction(energy, forces, np.zeros(len(frames)), np.zeros(len(frames.numbers)))


def test_phonons_of_a_cubic_lattice_of_springs() -> None:
    lattice = Structure((18,), np.zeros((1, 3)), cell=np.eye(3) * Springs.side, pbc=(True,) * 3)
    found = phonon_wavenumbers(Springs(), lattice, supercell=(4, 2, 2), points=[(0, 0, 0), (0.25, 0, 0), (0.5, 0.5, 0)])
    assert found is not None, "phonopy is among the tests' packages"
    unit = np.sqrt(Springs.stiffness / ARGON / AMU_ANGSTROM2_PER_FS2) * 1e15 / 2.99792458e10 / (2 * np.pi)
    expected = [0.0, 2 * unit * np.sin(np.pi / 4), 2 * unit * np.sqrt(2)]
    np.testing.assert_allclose(found, np.repeat(expected, 3).reshape(3, 3), atol=0.5)


def test_a_crystal_s_line_of_findings() -> None:
    found = check_crystal(Foam(), crystal(1.01))
    rows = {row[0]: row[1] for row in found.tables[0].rows}
    assert rows["bulk modulus"] == pytest.approx(MODULUS / GIGAPASCAL, rel=FIT)
    assert rows["pressure of the structure"] == pytest.approx(-MODULUS * (1.01**3 - 1) / GIGAPASCAL, rel=1e-3)
    pair = Frames.of([crystal(1.0), crystal(1.1)])
    chosen = periodic_structure(replace(pair, energy=np.asarray([1.0, 0.0])))
    assert chosen == crystal(1.1) and periodic_structure(Frames.of([Structure((1,), np.zeros((1, 3)), multiplicity=2)])) is None
