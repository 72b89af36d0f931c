"""A potential's Hessian by central differences of its forces, all displacements in one call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.potentials.base import Potential

__all__ = ["STEP", "central_differences", "displaced", "hessian_of"]

Floats = NDArray[np.float64]

STEP = 0.01
"""Angstrom. Small against a bond, large against the rounding of single precision forces."""


def displaced(positions: Floats, step: float = STEP) -> Floats:
    """The 6N geometries (6N, N, 3) with one coordinate moved: first all forward, then all backward."""
    size = positions.size
    moves = step * np.eye(size).reshape(size, *positions.shape)
    return np.concatenate([positions + moves, positions - moves])


def central_differences(forces: Floats, step: float = STEP) -> Floats:
    """The symmetric Hessian (3N, 3N), eV/angstrom², of the forces (6N, N, 3) on the geometries of `displaced`."""
    half = len(forces) // 2
    rows = (forces[half:] - forces[:half]).reshape(half, half) / (2 * step)
    return np.asarray((rows + rows.T) / 2)


def hessian_of(potential: Potential, template: Structure, positions: Floats, *, step: float = STEP) -> Floats:
    """The Hessian (3N, 3N) at positions (N, 3)."""
    frames = Frames.repeat(template, displaced(positions, step))
    forces = potential.predict(frames).forces.reshape(len(frames), *positions.shape)
    return central_differences(np.asarray(forces, dtype=np.float64), step)
