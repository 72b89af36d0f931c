"""Image-dependent pair potential paths: Smidstrup, Pedersen, Stokbro, Jonsson, J. Chem. Phys. 2014, 140, 214106."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.exploration.contacts import pair_distances

__all__ = ["relaxed_to_distances"]

Floats = NDArray[np.float64]


def relaxed_to_distances(path: Floats, *, steps: int = 400) -> Floats:
    """Each inner image of a path (n, N, 3) moved until its distances come close to those interpolated between the ends.

    S = sum over pairs of (d_wanted - d)² / d⁴; images are independent of each other, held even by what they want.
    """
    from scipy.optimize import minimize

    n = len(path)
    first, second = pair_distances(path[[0, -1]])
    share = np.linspace(0.0, 1.0, n)[1:-1, None]
    wanted = (1 - share) * first + share * second
    shape = path[1:-1].shape
    i, j = np.triu_indices(path.shape[1], 1)
    atoms = np.arange(path.shape[1])[:, None]
    incidence = (atoms == i).astype(np.float64) - (atoms == j)

    def objective(x: Floats) -> tuple[float, Floats]:
        places = x.reshape(shape)
        between = places[:, i] - places[:, j]
        d = np.maximum(np.linalg.norm(between, axis=-1), 1e-3)
        miss = wanted - d
        pull = ((-2 * miss / d**4 - 4 * miss**2 / d**5) / d)[..., None] * between
        gradient = incidence @ pull
        return float((miss**2 / d**4).sum()), gradient.reshape(-1)

    found = minimize(objective, path[1:-1].reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": steps})
    return np.concatenate([path[:1], np.asarray(found.x).reshape(shape), path[-1:]])
