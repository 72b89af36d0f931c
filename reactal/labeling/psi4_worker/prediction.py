"""The occupied orbitals at a geometry from those of images of finished labels, by kernel ridge regression.

What is learned is the projector onto the occupied space, in Loewdin's orthonormal basis: unlike coefficients it is free of phases
and of rotations among the orbitals. The weights of the images follow from their geometries alone and sum to one (ordinary
kriging), so far from all of them stands their mean and with a single one that one. Their sum of projectors, seen from the nearest
image, is brought back to an orthonormal set: to first order the same as regression in the plane that touches the Grassmann
manifold there, and any image serves as the point of reference.
"""

from __future__ import annotations

from typing import Any, List

from .images import Images, distances_of

LENGTH = 5.0  # of the kernel, in the units of `_features`
RIDGE = 1e-10  # orbitals are known to the convergence of an SCF
STEEP, DECAY = 3.0, 0.8  # angstrom; what bonds do to orbitals falls off as overlap does
SAME_STATE = 0.05  # smallest overlap of two determinants of one spin that are of one state
LEAST_NORM = 0.3  # of what is summed, where the images agree it is 1; below, the nearest image is the better guess


def predicted(wanted: Any, images: Images, planes: List[Any]) -> List[Any]:
    """Orthonormal columns for each spin.

    `wanted` (atoms, 3); `planes`, for each spin (m, functions, orbitals), those of the images.
    """
    import numpy as np

    alike = np.ones(len(images.distances), dtype=bool)
    for plane in planes:
        alike &= np.abs(np.linalg.det(plane.transpose(0, 2, 1) @ plane[0])) > SAME_STATE
    alike[0] = True
    weights = _weights(_features(images.positions[alike]), _features(wanted[None])[0])
    return [_nearest_set(weights, plane[alike]) for plane in planes]


def _features(positions: Any) -> Any:
    """(m, features): where the atoms are, and how close to each other."""
    import numpy as np

    first, second = np.triu_indices(positions.shape[1], 1)
    close = np.exp(-distances_of(positions)[:, first, second] / DECAY)
    return np.concatenate([positions.reshape(len(positions), -1), STEEP * close], axis=1)


def _weights(known: Any, wanted: Any) -> Any:
    import numpy as np

    squares = (known**2).sum(axis=1)
    among = _kernel(squares[:, None] + squares[None] - 2.0 * known @ known.T)
    among[np.diag_indices(len(known))] = 1.0 + RIDGE
    there = _kernel(((known - wanted) ** 2).sum(axis=1))
    solved = np.linalg.solve(among, np.stack([there, np.ones(len(known))], axis=1))
    ones = solved[:, 1]
    return solved[:, 0] + ones * (1.0 - solved[:, 0].sum()) / ones.sum()


def _kernel(squares: Any) -> Any:
    """Matern's of smoothness 5/2."""
    import numpy as np

    scaled = np.sqrt(5.0 * np.maximum(squares, 0.0)) / LENGTH
    return (1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled)


def _nearest_set(weights: Any, planes: Any) -> Any:
    """The orthonormal columns nearest to the weighted projectors seen from the first; the first's own where they cancel out."""
    import numpy as np

    seen = planes.transpose(0, 2, 1) @ planes[0]
    summed = np.tensordot(planes * weights.astype(planes.dtype)[:, None, None], seen, axes=([0, 2], [0, 1]))
    left, norms, right = np.linalg.svd(np.asarray(summed, dtype=float), full_matrices=False)
    if not (np.isfinite(norms).all() and norms.min() > LEAST_NORM):
        return np.asarray(planes[0], dtype=float)
    return left @ right


def departure(one: Any, other: Any) -> float:
    """How far two spaces of orthonormal columns are from each other: the sine of their angles, root mean square."""
    import numpy as np

    return float(np.linalg.norm(one - other @ (other.T @ one)) / np.sqrt(max(1, one.shape[1])))
