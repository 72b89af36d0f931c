"""Shortest paths in scaled distances: discrete geodesics, each image where the path's stretched string would put it.

The functional is the string's elastic energy: the sum over segments of the squared length in q, measured through each
segment's Cartesian midpoint, so that no segment can hop over an atom. Its minimum has even spacing by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.exploration.alignment import superpose
from reactal.exploration.metric import ScaledDistances

__all__ = ["bisected", "length", "stretched"]

Floats = NDArray[np.float64]

CARTESIAN = 0.1
"""Weight of plain distance beside q (per angstrom): where q is flat, far apart or turning, images stay even by it."""


def bisected(
    metric: ScaledDistances, start: Floats, end: Floats, *, images: int, rng: np.random.Generator, jitter: float
) -> Floats:
    """A first path (images, N, 3): the widest gap is halved in q until there are enough images.

    The jitter (angstrom) moves each trial point off lines and planes on which the gradient has no component outwards.
    """
    path = [start, end]
    while len(path) < images:
        places = metric.values(np.asarray(path))
        widest = int(np.argmax(np.linalg.norm(np.diff(places, axis=0), axis=1)))
        left, right = path[widest], superpose(path[widest + 1], path[widest])
        wanted = (places[widest] + places[widest + 1]) / 2
        sides = np.stack([(left + right) / 2, left, right])
        trials = metric.fit(sides + rng.normal(0.0, jitter, sides.shape), np.broadcast_to(wanted, (3, len(wanted))))
        misses = np.linalg.norm(metric.values(trials) - wanted, axis=1)
        path.insert(widest + 1, trials[int(np.argmin(misses))])
    return np.asarray(path)


def stretched(metric: ScaledDistances, path: Floats, *, steps: int = 200) -> Floats:
    """The path (n, N, 3) relaxed to a geodesic with its ends fixed."""
    from scipy.optimize import minimize

    ends, shape = path[[0, -1]], path[1:-1].shape
    if not len(path[1:-1]):
        return path.copy()

    def objective(x: Floats) -> tuple[float, Floats]:
        whole = np.concatenate([ends[:1], x.reshape(shape), ends[1:]])
        energy, gradient = _elastic(metric, whole)
        return energy, gradient[1:-1].reshape(-1)

    found = minimize(
        objective, path[1:-1].reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": steps, "maxcor": 20, "ftol": 1e-7}
    )
    return np.concatenate([ends[:1], np.asarray(found.x).reshape(shape), ends[1:]])


def length(metric: ScaledDistances, path: Floats, *, between: int = 4) -> float:
    """Length in q along straight Cartesian segments, each looked at in `between` pieces."""
    pieces = [path[:1]]
    for share in np.arange(1, between + 1) / between:
        pieces.append(path[:-1] + share * (path[1:] - path[:-1]))
    fine = np.concatenate([path[:1], np.stack(pieces[1:], axis=1).reshape(-1, *path.shape[1:])])
    return float(metric.gaps(fine).sum())


def _elastic(metric: ScaledDistances, path: Floats) -> tuple[float, Floats]:
    middle = (path[:-1] + path[1:]) / 2
    q, q_middle = metric.values(path), metric.values(middle)
    left, right = q_middle - q[:-1], q[1:] - q_middle
    step = path[1:] - path[:-1]
    energy = float((left**2).sum() + (right**2).sum() + CARTESIAN**2 * (step**2).sum() / 2)
    by_q = np.zeros_like(q)
    by_q[:-1] -= 2 * left
    by_q[1:] += 2 * right
    gradient = metric.pull_back(path, by_q)
    by_middle = metric.pull_back(middle, 2 * (left - right)) / 2
    gradient[:-1] += by_middle - CARTESIAN**2 * step
    gradient[1:] += by_middle + CARTESIAN**2 * step
    return energy, gradient
