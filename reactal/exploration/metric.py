"""A space in which molecules move apart, turn and react along nearly straight lines.

Zhu, Thompson, Martinez, J. Chem. Phys. 2019, 150, 164103: each pair of atoms at distance r gives the coordinate
q = exp(-a (r - r_e) / r_e) + b r_e / r, with r_e the summed covalent radii, a = 1.7, b = 0.01. Short distances are steep,
long ones flat, so the shortest path in q avoids clashes without being told to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.exploration.contacts import bond_lengths

__all__ = ["ScaledDistances"]

Floats = NDArray[np.float64]

STEEPNESS = 1.7  # a
REPULSION = 0.01  # b
_FIT_REACH = 0.4  # angstrom an atom may move in one step of a fit
_FIT_DONE = 1e-3  # angstrom; a shorter step ends a fit


@final
class ScaledDistances:
    """The coordinates q of all pairs of one molecule's atoms."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._length = bond_lengths(numbers)
        self._first, self._second = np.triu_indices(len(numbers), 1)
        atoms = np.arange(len(numbers))[:, None]
        self._incidence = (atoms == self._first).astype(np.float64) - (atoms == self._second)  # (N, P)

    def values(self, positions: Floats) -> Floats:
        """q of images (..., N, 3): (..., P)."""
        distance = np.linalg.norm(positions[..., self._first, :] - positions[..., self._second, :], axis=-1)
        return self._scaled(distance)

    def pull_back(self, positions: Floats, gradient: Floats) -> Floats:
        """Gradient with respect to positions (n, N, 3) of a function whose gradient with respect to q is (n, P)."""
        between = positions[:, self._first] - positions[:, self._second]
        distance = np.maximum(np.linalg.norm(between, axis=-1), 1e-6)
        pull = (gradient * self._slope(distance) / distance)[..., None] * between
        return np.asarray(self._incidence @ pull)

    def jacobian(self, positions: Floats) -> Floats:
        """dq / dx of images (n, N, 3): (n, P, 3N)."""
        between = positions[:, self._first] - positions[:, self._second]
        distance = np.maximum(np.linalg.norm(between, axis=-1), 1e-6)
        unit = between * (self._slope(distance) / distance)[..., None]
        out = np.zeros((len(positions), len(self._first), *positions.shape[1:]))
        rows = np.arange(len(self._first))
        out[:, rows, self._first] = unit
        out[:, rows, self._second] = -unit
        return out.reshape(len(positions), len(rows), -1)

    def gaps(self, path: Floats) -> Floats:
        """Distances in q between neighbours of a path (n, N, 3): (n - 1,)."""
        return np.asarray(np.linalg.norm(np.diff(self.values(path), axis=0), axis=1))

    def fit(self, start: Floats, wanted: Floats, *, tether: float = 1e-2, steps: int = 40) -> Floats:
        """The geometries (n, N, 3) whose q come closest to `wanted` (n, P), by Levenberg and Marquardt's method.

        The tether (per angstrom, to where each started) keeps them from drifting where q is flat.
        """
        place, damping = start.copy(), np.full(len(start), 1e-2)
        cost = self._miss(place, start, wanted, tether)
        for _ in range(steps):
            slopes = self.jacobian(place)
            pull = np.einsum("npx,np->nx", slopes, self.values(place) - wanted)
            pull += tether**2 * (place - start).reshape(len(place), -1)
            normal = np.swapaxes(slopes, 1, 2) @ slopes + (tether**2 + damping)[:, None, None] * np.eye(pull.shape[1])
            move = -np.linalg.solve(normal, pull[..., None]).reshape(place.shape)
            reach = np.linalg.norm(move, axis=2).max(axis=1)
            move *= np.minimum(1.0, _FIT_REACH / np.maximum(reach, 1e-12))[:, None, None]
            trial = self._miss(place + move, start, wanted, tether)
            better = trial < cost
            place = np.where(better[:, None, None], place + move, place)
            cost = np.where(better, trial, cost)
            damping = np.where(better, 0.3 * damping, 5.0 * damping)
            if reach.max() < _FIT_DONE:
                break
        return place

    def _miss(self, place: Floats, start: Floats, wanted: Floats, tether: float) -> Floats:
        apart = ((self.values(place) - wanted) ** 2).sum(axis=1)
        return np.asarray(apart + tether**2 * ((place - start) ** 2).sum(axis=(1, 2)))

    def _scaled(self, distance: Floats) -> Floats:
        stretch = distance / self._length
        return np.asarray(np.exp(-STEEPNESS * (stretch - 1.0)) + REPULSION / np.maximum(stretch, 1e-6))

    def _slope(self, distance: Floats) -> Floats:
        stretch = distance / self._length
        return np.asarray((-STEEPNESS * np.exp(-STEEPNESS * (stretch - 1.0)) - REPULSION / stretch**2) / self._length)
