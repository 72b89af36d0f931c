"""Free energies and rates with answers on paper."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.units import KELVIN
from reactal.validation.thermochemistry import PLANCK, StationaryPoint, rates, zero_point_energy
from reactal.validation.tunnelling import WAVENUMBER

WATER = Structure.from_symbols(["O", "H", "H"], [[0, 0, 0.1173], [0, 0.7572, -0.4692], [0, -0.7572, -0.4692]])
EXPERIMENT = np.asarray([1594.7, 3657.1, 3755.9])  # cm^-1
ENTROPY = 188.835  # J/(mol K), water vapour at 298.15 K and 1 bar (CODATA key values)
RUNG = KELVIN * np.log(2)  # eV/K, of the symmetry number 2, which we leave out
JOULE = 96485.33  # J/mol of one eV


def point(structure: Structure, energy: float, wavenumbers: list[float]) -> StationaryPoint:
    return StationaryPoint(structure, energy, np.asarray(wavenumbers), np.eye(3 * len(structure))[: len(wavenumbers)])


def test_water_vapour_has_the_entropy_of_the_tables() -> None:
    water = point(WATER, 0.0, EXPERIMENT.tolist())
    slope = (water.free_energy(298.65) - water.free_energy(297.65)) / 1.0
    assert (-slope - RUNG) * JOULE == pytest.approx(ENTROPY, abs=0.2)
    assert water.zero_point == pytest.approx(0.5 * WAVENUMBER * EXPERIMENT.sum())


def test_imaginary_modes_have_no_zero_point_energy() -> None:
    assert zero_point_energy(np.asarray([-500.0, 100.0])) == pytest.approx(50 * WAVENUMBER)


def test_a_rate_of_equal_molecules_is_eyring_s() -> None:
    """A saddle that differs from its reactant by energy alone, and by one mode of 100 cm^-1 that has become imaginary."""
    low, high = point(WATER, 0.0, [100.0, 1600.0, 3700.0]), point(WATER, 0.5, [-1000.0, 1600.0, 3700.0])
    found = rates(low, high, low, temperature=300.0)
    heat = KELVIN * 300.0
    mode = 1 - np.exp(-100 * WAVENUMBER / heat)  # of the partition function from the bottom of the well: exp(-x/2) / mode
    zero = 50 * WAVENUMBER
    expected = heat / PLANCK * mode * np.exp(-(0.5 - zero) / heat)
    assert found.classical == pytest.approx(expected, rel=1e-6)
    assert found.with_wigner / found.classical == pytest.approx(1 + (1000 * WAVENUMBER / heat) ** 2 / 24)
    assert found.with_eckart > found.classical


def test_forward_over_reverse_is_the_equilibrium_constant() -> None:
    low, mid, high = (
        point(WATER, 0.0, [200.0, 1600.0, 3700.0]),
        point(WATER, 0.2, [150.0, 1500.0, 3600.0]),
        point(WATER, 0.6, [-800.0, 1600.0, 3700.0]),
    )
    there, back = rates(low, high, mid, temperature=500.0), rates(mid, high, low, temperature=500.0)
    free = mid.free_energy(500.0) - low.free_energy(500.0)
    assert there.with_eckart / back.with_eckart == pytest.approx(np.exp(-free / (KELVIN * 500.0)), rel=2e-3)
