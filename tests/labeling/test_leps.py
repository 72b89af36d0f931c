"""The model surface: slopes, symmetry, and what is known of H + H2."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar

from reactal.labeling.leps import BOND, DEPTH, leps
from reactal.units import KCAL_PER_MOL

AB_INITIO_BARRIER = 9.6 * KCAL_PER_MOL  # eV; Liu and Siegbahn's surface, as every later one
AB_INITIO_BOND = 0.930  # angstrom, at the saddle
BARRIER_TOLERANCE = 1.5 * KCAL_PER_MOL  # LEPS is a model
BOND_TOLERANCE = 0.01
STEP = 1e-5  # angstrom
SLOPE_TOLERANCE = 1e-6  # eV/angstrom

places = arrays(np.float64, (3, 3), elements=st.floats(-2.0, 2.0)).filter(
    lambda x: min(np.linalg.norm(x[i] - x[j]) for i, j in ((0, 1), (1, 2), (2, 0))) > 0.4
)


def energy(positions: np.ndarray) -> float:
    return leps(positions)[0]


def collinear(first: float, second: float) -> np.ndarray:
    return np.array([[0.0, 0.0, 0.0], [0.0, 0.0, first], [0.0, 0.0, first + second]])


@settings(max_examples=50, deadline=None)
@given(places)
def test_forces_are_the_slope(positions: np.ndarray) -> None:
    numbers = np.empty((3, 3))
    for atom, axis in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[atom, axis] = STEP
        numbers[atom, axis] = -(energy(positions + step) - energy(positions - step)) / (2 * STEP)
    scale = max(1.0, np.abs(numbers).max())
    if exchange_gap(positions) > 1e-2:  # on the seam of the two sheets there is no slope
        assert np.abs(leps(positions)[1] - numbers).max() < SLOPE_TOLERANCE * scale


def exchange_gap(positions: np.ndarray) -> float:
    """How far from three equal sides, where the two sheets touch (angstrom)."""
    sides = [np.linalg.norm(positions[i] - positions[j]) for i, j in ((0, 1), (1, 2), (2, 0))]
    return float(max(sides) - min(sides))


@settings(max_examples=50, deadline=None)
@given(places, st.permutations(range(3)))
def test_atoms_are_alike(positions: np.ndarray, order: list[int]) -> None:
    one, forces = leps(positions)
    other, permuted = leps(positions[order])
    assert other == pytest.approx(one, abs=1e-9)
    assert permuted == pytest.approx(forces[order], abs=1e-6)


def test_a_far_atom_leaves_the_molecule_alone() -> None:
    total, forces = leps(collinear(BOND, 20.0))
    assert total == pytest.approx(-DEPTH, abs=1e-9)
    assert np.abs(forces).max() < 1e-9


def test_the_barrier_of_the_exchange_is_that_of_hydrogen() -> None:
    saddle = minimize_scalar(lambda bond: energy(collinear(bond, bond)), bounds=(0.8, 1.2), method="bounded")
    assert saddle.fun + DEPTH == pytest.approx(AB_INITIO_BARRIER, abs=BARRIER_TOLERANCE)
    assert saddle.x == pytest.approx(AB_INITIO_BOND, abs=BOND_TOLERANCE)
    across = [energy(collinear(saddle.x + shift, saddle.x - shift)) for shift in (-0.05, 0.05)]
    assert max(across) < saddle.fun, "the symmetric point is a minimum across the reaction, not a saddle"


def test_a_regular_triangle_has_an_energy() -> None:
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, np.sqrt(0.75), 0.0]])
    total, forces = leps(corners)
    assert np.isfinite(total)
    assert np.isfinite(forces).all()
