"""Vibrations: what remains of a Hessian without translations and rotations, and displacements drawn from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reactal.units import AMU_ANGSTROM2_PER_FS2, KELVIN

__all__ = ["frequencies", "masses_of", "normal_mode_samples", "rattle", "rigid_motions", "vibrations"]

Floats = NDArray[np.float64]

_WAVENUMBER = 1e15 / 2.99792458e10 / (2 * np.pi)  # cm^-1 of one radian per femtosecond
_LINEAR = 1e-3  # a rotation that moves atoms less than this share of the largest one is none


def masses_of(numbers: Sequence[int] | NDArray[np.int16]) -> Floats:
    """Atomic masses (N,) in u."""
    from ase.data import atomic_masses

    return np.asarray(atomic_masses[np.asarray(numbers, dtype=np.int64)], dtype=np.float64)


def rigid_motions(positions: Floats, masses: Floats | None = None) -> Floats:
    """Orthonormal translations and rotations (3N, k) of positions (N, 3): k = 6, 5 if linear, 3 for one atom."""
    weight = np.ones(len(positions)) if masses is None else np.sqrt(masses)
    centre = np.average(positions, axis=0, weights=weight**2)
    arms = positions - centre
    moves = [np.tile(axis, (len(positions), 1)) for axis in np.eye(3)] + [np.cross(axis, arms) for axis in np.eye(3)]
    columns = np.stack([(weight[:, None] * move).reshape(-1) for move in moves], axis=1)
    u, size, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(u[:, size > _LINEAR * size[0]])


def vibrations(hessian: Floats, positions: Floats, masses: Floats | None = None) -> tuple[Floats, Floats]:
    """Ascending eigenvalues (m,) and unit modes (m, 3N) of a Hessian (3N, 3N) in the space without rigid motions.

    eV/angstrom²; with masses (u) the mass-weighted Hessian, eV/(u angstrom²).
    """
    if masses is not None:
        root = np.repeat(np.sqrt(masses), 3)
        hessian = hessian / np.outer(root, root)
    rigid = rigid_motions(positions, masses)
    full, _ = np.linalg.qr(np.concatenate([rigid, np.eye(len(hessian))], axis=1))
    inner = full[:, rigid.shape[1] :]
    values, vectors = np.linalg.eigh(inner.T @ (hessian + hessian.T) / 2 @ inner)
    return values, np.asarray((inner @ vectors).T)


def frequencies(hessian: Floats, positions: Floats, masses: Floats) -> Floats:
    """Harmonic wavenumbers in cm^-1, ascending; an imaginary one is given as a negative number."""
    values, _ = vibrations(hessian, positions, masses)
    angular = np.sqrt(np.abs(values) / AMU_ANGSTROM2_PER_FS2)
    return np.asarray(np.sign(values) * angular * _WAVENUMBER)


def normal_mode_samples(
    positions: Floats,
    hessian: Floats,
    *,
    count: int,
    temperature: float,
    rng: np.random.Generator,
    softest: float = 0.5,
    largest: float = 0.3,
) -> Floats:
    """`count` geometries (count, N, 3) drawn from the classical harmonic distribution at `temperature` (K),
    which does not depend on masses.

    Modes softer than `softest` (eV/angstrom², of either sign) count as that stiff, and no atom moves further than
    `largest` angstrom, because soft modes are not harmonic that far out.
    """
    values, modes = vibrations(hessian, positions)
    width = np.sqrt(KELVIN * temperature / np.maximum(np.abs(values), softest))
    moves = (rng.standard_normal((count, len(values))) * width @ modes).reshape(count, -1, 3)
    reach = np.linalg.norm(moves, axis=2).max(axis=1)
    return np.asarray(positions + moves * np.minimum(1.0, largest / np.maximum(reach, 1e-12))[:, None, None])


def rattle(positions: Floats, sigma: float, rng: np.random.Generator) -> Floats:
    """Every coordinate displaced by a normal number of width `sigma` angstrom."""
    return np.asarray(positions + rng.normal(0.0, sigma, positions.shape))
