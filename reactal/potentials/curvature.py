"""Second derivatives of a potential in as few evaluations as its smoothness allows.

A network in double precision has forces that are right to some 1e-13 eV/angstrom: differences to one side over 1e-7 angstrom are
then better than central ones over a step that must drown noise, and cost 3N + 1 gradients, not 6N. What iterates to
convergence, GFN-xTB under the networks, is not that smooth.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.potentials.base import Potential
from reactal.potentials.committee import Committee

__all__ = ["NARROW", "WIDE", "central_hessian", "curvature", "forward_hessian"]

NARROW = 1e-7  # angstrom: truncation about 1e-5, rounding about 1e-6 eV/angstrom^2
WIDE = 5e-3  # angstrom

Floats = NDArray[np.float64]


def curvature(potential: Potential, structure: Structure) -> Floats:
    """The Hessian (3N, 3N) eV/angstrom^2 of its energy; the mean of a committee's."""
    if not isinstance(potential, Committee) or potential.dtype != torch.float64:
        return central_hessian(potential, structure)
    if potential.baseline is None:
        return forward_hessian(potential, structure)
    return forward_hessian(replace(potential, baseline=None), structure) + central_hessian(potential.baseline, structure)


def forward_hessian(potential: Potential, structure: Structure, *, step: float = NARROW) -> Floats:
    """By differences to one side, in one call: for forces without noise."""
    moves = step * np.eye(structure.positions.size).reshape(-1, *structure.positions.shape)
    places = np.concatenate([structure.positions[None], structure.positions + moves])
    forces = potential.predict(Frames.repeat(structure, places)).forces.reshape(len(places), -1)
    return _symmetric((forces[:1] - forces[1:]) / step)


def central_hessian(potential: Potential, structure: Structure, *, step: float = WIDE) -> Floats:
    """By central differences, in one call."""
    moves = step * np.eye(structure.positions.size).reshape(-1, *structure.positions.shape)
    places = np.concatenate([structure.positions + moves, structure.positions - moves])
    ahead, back = potential.predict(Frames.repeat(structure, places)).forces.reshape(2, len(moves), -1)
    return _symmetric((back - ahead) / (2 * step))


def _symmetric(rows: Floats) -> Floats:
    return np.asarray((rows + rows.T) / 2, dtype=np.float64)
