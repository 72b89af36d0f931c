"""Crystals of a potential whose stress and bulk modulus are known on paper."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.potentials.base import Prediction
from reactal.validation.crystal import GIGAPASCAL, equation_of_state, strained, stress_of

SIDE, MODULUS = 4.0, 0.8  # angstrom, eV/angstrom^3
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
