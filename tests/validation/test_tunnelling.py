"""Tunnelling factors against their limits, detailed balance and a Schrödinger equation solved without any formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from reactal.units import KELVIN
from reactal.validation.tunnelling import WAVENUMBER, eckart, eckart_transmission, wigner

WIGNER_LIMIT = 0.01  # of a factor where hbar nu << kT << height
TRANSMISSION = 1e-4  # of a probability, the integrator's steps
BALANCE = 1e-3  # of a factor, the quadrature


def transmitted(energy: float, *, height: float, curvature: float) -> float:
    """Through height / cosh(x)^2, hbar = m = 1, V'' = -curvature at the top: integrated from the far side back."""
    width = np.sqrt(2 * height / curvature)
    wave = np.sqrt(2 * energy)
    far = 14.0 * width

    def slope(x: float, y: np.ndarray) -> list[complex]:
        return [y[1], 2 * (height / np.cosh(x / width) ** 2 - energy) * y[0]]

    out = np.exp(1j * wave * far)
    found = solve_ivp(slope, (far, -far), [out, 1j * wave * out], rtol=1e-9, atol=1e-12).y[:, -1]
    arriving = 0.5 * (found[0] + found[1] / (1j * wave))
    return float(1 / abs(arriving) ** 2)


@pytest.mark.parametrize("share", [0.6, 0.9, 1.0, 1.3])
def test_a_symmetric_barrier_lets_through_what_the_schroedinger_equation_says(share: float) -> None:
    height, curvature = 4.0, 2.0  # h nu / height = 0.35: a quantum barrier
    said = eckart_transmission(np.asarray([share * height]), quantum=np.sqrt(curvature), forward=height, reverse=height)
    assert said[0] == pytest.approx(transmitted(share * height, height=height, curvature=curvature), abs=TRANSMISSION)


def test_far_above_room_temperature_all_factors_agree() -> None:
    hot = 3000.0  # h nu / kT = 0.48
    assert wigner(-1000, hot) == pytest.approx(1.0096, abs=1e-4)
    assert eckart(-1000, hot, forward=4.0, reverse=4.0) == pytest.approx(wigner(-1000, hot), rel=WIGNER_LIMIT)
    assert eckart(-1e-3, 300.0, forward=1.0, reverse=1.0) == pytest.approx(1.0, abs=BALANCE)


def test_both_directions_tunnel_alike() -> None:
    """Detailed balance: the factor belongs to the barrier, not to the side."""
    there = eckart(-1500, 300.0, forward=0.6, reverse=0.9)
    back = eckart(-1500, 300.0, forward=0.9, reverse=0.6)
    assert there > wigner(-1500, 300.0) * 0.8 and there == pytest.approx(back, rel=BALANCE)


def test_a_parabola_is_what_a_high_barrier_looks_like() -> None:
    """Bell's factor of a parabola, (u / 2) / sin(u / 2), for u < 2 pi; an Eckart barrier of great height has nearly this."""
    temperature, wavenumber = 400.0, 600.0
    u = wavenumber * WAVENUMBER / (KELVIN * temperature)
    bell = (u / 2) / np.sin(u / 2)
    assert eckart(wavenumber, temperature, forward=8.0, reverse=8.0) == pytest.approx(bell, rel=0.01)


@pytest.mark.parametrize(("forward", "reverse", "wavenumber"), [(-0.1, 0.5, 900), (0.4, 0.0, 900), (20.0, 20.0, 30)])
def test_what_is_no_barrier_or_too_high_gives_no_nonsense(forward: float, reverse: float, wavenumber: float) -> None:
    assert eckart(wavenumber, 300.0, forward=forward, reverse=reverse) == pytest.approx(1.0, abs=0.01)
