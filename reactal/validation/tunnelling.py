"""How much faster a rate is because particles go through a barrier, not only over it.

Wigner, Z. Phys. Chem. B 19, 203 (1932): the first term in hbar. Eckart, Phys. Rev. 35, 1303 (1930): exact for a barrier of his
shape through the saddle's curvature and both heights; the factor as in Johnston, Heicklen, J. Phys. Chem. 66, 532 (1962).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.units import KELVIN

__all__ = ["WAVENUMBER", "eckart", "eckart_transmission", "wigner"]

WAVENUMBER = 1.239841984e-4  # eV of one cm^-1 (CODATA 2018)
FAR = 40.0  # kT above the barrier, where the Boltzmann factor is nothing
POINTS = 20_001
DEEP = 500.0  # kT below the top, where the Boltzmann factor is still a number
LARGEST = 700.0  # whose exponential is one

Floats = NDArray[np.float64]


def wigner(imaginary: float, temperature: float) -> float:
    """Factor for a saddle with this imaginary wavenumber (cm^-1, of either sign) at a temperature in K."""
    quantum = abs(imaginary) * WAVENUMBER / (KELVIN * temperature)
    return 1.0 + quantum**2 / 24.0


def eckart(imaginary: float, temperature: float, *, forward: float, reverse: float) -> float:
    """Factor for heights (eV, zero-point energies included) above reactant and product; 1 where one of them is not above zero."""
    quantum = abs(imaginary) * WAVENUMBER
    if min(forward, reverse) <= 0 or quantum == 0:
        return 1.0
    heat = KELVIN * temperature
    # energies above the reactant; below the higher end nothing leaves or arrives, and next to nothing far below the top
    least = max(0.0, forward - reverse, forward - DEEP * heat)
    energy = np.linspace(least, forward + FAR * heat, POINTS)
    passed = eckart_transmission(energy, quantum=quantum, forward=forward, reverse=reverse)
    return float(np.trapezoid(passed * np.exp((forward - energy) / heat), energy) / heat)


def eckart_transmission(energy: Floats, *, quantum: float, forward: float, reverse: float) -> Floats:
    """The probability (n,) to pass with an energy (n,) above the reactant; all in eV, `quantum` is h nu of the imaginary mode."""
    one, two = 2 * np.pi * forward / quantum, 2 * np.pi * reverse / quantum
    scale = 2.0 / (one**-0.5 + two**-0.5)
    share = np.asarray(energy, dtype=np.float64) / forward
    before = scale * np.sqrt(np.maximum(one * share, 0.0))  # 2 pi a
    after = scale * np.sqrt(np.maximum((share - 1) * one + two, 0.0))  # 2 pi b
    inside = one * two - np.pi**2 / 4
    depth = 2.0 * np.sqrt(abs(inside))  # 2 pi d
    # all divided by exp(before + after), which may be beyond what a number can hold
    shrunk = np.exp(-(before + after))
    rest = np.minimum(depth - before - after, LARGEST)
    well = 0.5 * (np.exp(rest) + np.exp(-depth - before - after)) if inside > 0 else np.cos(depth) * shrunk
    apart = 0.5 * (np.exp(-2 * np.minimum(before, after)) + np.exp(-2 * np.maximum(before, after)))
    together = 0.5 * (1.0 + shrunk**2)
    return np.asarray(np.clip((together - apart) / (together + well), 0.0, 1.0))
