"""Free energies and rate constants from harmonic frequencies.

Rigid rotor and harmonic oscillators of an ideal gas at one bar, as ASE has them; soft modes count as `SOFTEST`, for they are
no oscillators (Ribeiro, Marenich, Cramer, Truhlar, J. Phys. Chem. B 115, 14556 (2011)). Symmetry numbers are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.chem.convert import to_ase
from reactal.units import KELVIN
from reactal.validation.tunnelling import WAVENUMBER, eckart, wigner

__all__ = ["SOFTEST", "Rates", "StationaryPoint", "rates", "zero_point_energy"]

SOFTEST = 100.0  # cm^-1
PRESSURE = 1e5  # Pa
PLANCK = 4.135667696e-15  # eV s (CODATA 2018)

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class StationaryPoint:
    """Energy in eV; wavenumbers (m,) cm^-1 ascending, without rigid motions, imaginary ones negative; modes (m, 3N) unit vectors
    in mass-weighted coordinates."""

    structure: Structure
    energy: float
    wavenumbers: Floats
    modes: Floats

    @property
    def imaginary(self) -> float:
        """The lowest wavenumber where it is imaginary, else 0."""
        return min(float(self.wavenumbers[0]), 0.0) if len(self.wavenumbers) else 0.0

    @property
    def zero_point(self) -> float:
        return zero_point_energy(self.wavenumbers)

    def free_energy(self, temperature: float) -> float:
        """Gibbs energy in eV; of imaginary modes only the lowest is left out, as the reaction coordinate."""
        from ase.thermochemistry import IdealGasThermo

        real = self.wavenumbers[1:] if self.imaginary else self.wavenumbers
        stiff = np.maximum(np.abs(real), SOFTEST) * WAVENUMBER
        rigid = 3 * len(self.structure) - len(self.wavenumbers)
        shape: Literal["monatomic", "linear", "nonlinear"]
        shape = "monatomic" if rigid == 3 else "linear" if rigid == 5 else "nonlinear"
        spin = (self.structure.multiplicity - 1) / 2
        gas = IdealGasThermo(
            stiff.tolist(), shape, self.energy, to_ase(self.structure), symmetrynumber=1, spin=spin, vib_selection="all"
        )
        return float(gas.get_gibbs_energy(temperature, PRESSURE, verbose=False))


def zero_point_energy(wavenumbers: Floats) -> float:
    """eV, of the real ones."""
    return float(0.5 * WAVENUMBER * wavenumbers[wavenumbers > 0].sum())


@final
@dataclass(frozen=True)
class Rates:
    """Of one direction at one temperature (K): free energy of activation eV, tunnelling factors, rate constants in 1/s."""

    temperature: float
    activation: float
    wigner: float
    eckart: float
    classical: float

    @property
    def with_wigner(self) -> float:
        return self.wigner * self.classical

    @property
    def with_eckart(self) -> float:
        return self.eckart * self.classical


def rates(start: StationaryPoint, saddle: StationaryPoint, end: StationaryPoint, *, temperature: float) -> Rates:
    """From start to end by transition-state theory (Eyring, J. Chem. Phys. 3, 107 (1935)), for one molecule or complex."""
    activation = saddle.free_energy(temperature) - start.free_energy(temperature)
    top = saddle.energy + saddle.zero_point
    heights = {"forward": top - start.energy - start.zero_point, "reverse": top - end.energy - end.zero_point}
    return Rates(
        temperature,
        activation,
        wigner(saddle.imaginary, temperature),
        eckart(saddle.imaginary, temperature, **heights),
        float(KELVIN * temperature / PLANCK * np.exp(-activation / (KELVIN * temperature))),
    )
