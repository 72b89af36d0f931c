"""What trajectories tell: energy drift, structure, diffusion, spectra. Arrays are of one replica (steps, N, 3), angstrom, fs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.units import AMU_ANGSTROM2_PER_FS2

__all__ = [
    "Drift",
    "diffusion",
    "energy_drift",
    "kinetic_energies",
    "mean_square_displacement",
    "pair_distances",
    "radial_distribution",
    "velocities_of",
    "vibrational_spectrum",
]

Floats = NDArray[np.float64]
WAVENUMBER = 1e15 / 2.99792458e10  # cm^-1 of one oscillation per femtosecond


@final
@dataclass(frozen=True)
class Drift:
    """Of a total energy that ought to be constant: slope of the straight line through it, meV an atom and picosecond, and the
    root mean square deviation from that line, meV an atom."""

    slope: float
    noise: float


def energy_drift(total: Floats, *, timestep_fs: float, atoms: int) -> Drift:
    """total (steps,) eV at every step."""
    if len(total) < 3:
        return Drift(float("nan"), float("nan"))
    times = timestep_fs * np.arange(len(total)) / 1000
    slope, start = np.polyfit(times, total, 1)
    noise = float(np.sqrt(np.square(total - slope * times - start).mean()))
    return Drift(1e3 * float(slope) / atoms, 1e3 * noise / atoms)


def velocities_of(positions: Floats, *, timestep_fs: float) -> Floats:
    """(steps - 2, N, 3) angstrom/fs at all steps but the first and last: what velocity Verlet has there."""
    return np.asarray((positions[2:] - positions[:-2]) / (2 * timestep_fs))


def kinetic_energies(velocities: Floats, masses: Floats) -> Floats:
    """(steps,) eV; masses (N,) u."""
    return np.asarray(0.5 * AMU_ANGSTROM2_PER_FS2 * np.einsum("n,kni->k", masses, np.square(velocities)))


def mean_square_displacement(positions: Floats, masses: Floats) -> Floats:
    """(steps,) angstrom^2 of the atoms after each number of steps, averaged over all starts; the centre of mass stays."""
    steps = len(positions)
    centre = np.einsum("n,kni->ki", masses, positions) / masses.sum()
    moved = positions - centre[:, None]
    # <|x(t + s) - x(s)|^2> = mean of squares at both ends less twice the autocorrelation (Kneller et al., Comput. Phys. Commun.
    # 91, 191 (1995))
    squares = np.square(moved).sum(axis=(1, 2))
    after, before = np.cumsum(squares[::-1]), np.cumsum(squares)
    left = steps - np.arange(steps)
    ends = (after[::-1] + before[::-1]) / left
    return np.asarray((ends - 2 * _autocorrelation(moved) / left) / positions.shape[1])


def diffusion(displacement: Floats, *, timestep_fs: float, skip: float = 0.1, until: float = 0.5) -> float:
    """Einstein's coefficient in cm^2/s: a sixth of the slope of the mean square displacement (steps,) between two shares of it,
    where neither the ballistic start nor the poor end counts."""
    first, last = int(skip * len(displacement)), max(int(until * len(displacement)), 2)
    times = timestep_fs * np.arange(len(displacement))
    slope = np.polyfit(times[first:last], displacement[first:last], 1)[0]
    return float(slope) / 6 * 0.1  # angstrom^2/fs -> cm^2/s


def vibrational_spectrum(velocities: Floats, masses: Floats, *, timestep_fs: float) -> tuple[Floats, Floats]:
    """Wavenumbers (m,) cm^-1 and intensities (m,), area one: the spectrum of the mass-weighted velocity autocorrelation."""
    steps = len(velocities)
    weighted = velocities * np.sqrt(masses)[:, None]
    window = np.hanning(steps)[:, None, None]
    power = np.square(np.abs(np.fft.rfft(weighted * window, n=4 * steps, axis=0))).sum(axis=(1, 2))
    axis = np.asarray(np.fft.rfftfreq(4 * steps, timestep_fs) * WAVENUMBER, dtype=np.float64)
    area = float(np.trapezoid(power, axis))
    return axis, np.asarray(power / area if area > 0 else power)


def pair_distances(positions: Floats, first: NDArray[np.bool_], second: NDArray[np.bool_], cell: Floats | None = None) -> Floats:
    """All distances (m,) between atoms of two kinds (N,), each pair once; the nearest image in a cell (3, 3)."""
    i, j = np.triu_indices(positions.shape[1], 1)
    wanted = (first[i] & second[j]) | (second[i] & first[j])
    vectors = positions[:, i[wanted]] - positions[:, j[wanted]]
    if cell is not None:
        fractions = vectors @ np.linalg.inv(cell)
        vectors = (fractions - np.rint(fractions)) @ cell
    return np.asarray(np.linalg.norm(vectors, axis=2).reshape(-1))


def radial_distribution(
    distances: Floats, *, steps: int, pairs: int, reach: float, bins: int = 120, volume: float | None = None
) -> tuple[Floats, Floats]:
    """Middles (bins,) angstrom and g: in a volume (angstrom^3), against an ideal gas of as many `pairs`; without, the density of
    distances, 1/angstrom."""
    counts, edges = np.histogram(distances, bins=bins, range=(0.0, reach))
    middle = (edges[1:] + edges[:-1]) / 2
    share = counts / max(steps * pairs, 1)
    if volume is None:
        return middle, np.asarray(share / np.diff(edges))
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    return middle, np.asarray(share * volume / shells)


def _autocorrelation(values: Floats) -> Floats:
    """Sum over atoms, directions and starts of x(s) x(s + t) for each t (steps,)."""
    steps = len(values)
    spectrum = np.fft.rfft(values.reshape(steps, -1), n=2 * steps, axis=0)
    return np.asarray(np.fft.irfft(np.square(np.abs(spectrum)).sum(axis=1), n=2 * steps)[:steps])
