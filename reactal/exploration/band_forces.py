"""Forces on the images of a nudged elastic band, each image seen in its own frame.

Improved tangent: Henkelman, Jonsson, J. Chem. Phys. 2000, 113, 9978. Climbing image: Henkelman, Uberuaga, Jonsson,
ibid. 9901. Neighbours are superposed on an image before they are compared with it, so that turning a free molecule
costs nothing and is no part of the path. Springs are replaced by what they are for, even spacing, so that none has to be
as stiff as a bond to be heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.exploration.alignment import superpose

__all__ = ["BandForces", "band_forces", "tangents"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class BandForces:
    """On the inner images (n - 2, N, 3): `true`, eV/angstrom, across the path, inverted along it for the climbing image;
    `spacing`, angstrom, how far each would have to slide along the path to be half-way between its neighbours."""

    true: Floats
    spacing: Floats

    @property
    def largest(self) -> float:
        """The largest true force on an atom."""
        return float(np.linalg.norm(self.true, axis=2).max())

    @property
    def uneven(self) -> float:
        """The largest slide of an atom that even spacing asks for."""
        return float(np.linalg.norm(self.spacing, axis=2).max())


def tangents(path: Floats, energies: Floats) -> tuple[Floats, Floats, Floats]:
    """Unit tangents (n - 2, N, 3) at the inner images and the distances to the image before and after (n - 2,)."""
    here = path[1:-1]
    ahead = superpose(path[2:], here) - here
    behind = here - superpose(path[:-2], here)
    low, mid, high = energies[:-2], energies[1:-1], energies[2:]
    up, down = np.abs(high - mid), np.abs(low - mid)
    larger, smaller = np.maximum(up, down), np.minimum(up, down)
    uphill, downhill = (high > mid) & (mid > low), (high < mid) & (mid < low)
    forward = np.where(uphill, 1.0, np.where(downhill, 0.0, np.where(high > low, larger, smaller)))
    backward = np.where(uphill, 0.0, np.where(downhill, 1.0, np.where(high > low, smaller, larger)))
    level = (forward == 0) & (backward == 0)  # flat: as if it went up evenly
    forward, backward = np.where(level, 1.0, forward), np.where(level, 1.0, backward)
    direction = forward[:, None, None] * ahead + backward[:, None, None] * behind
    return direction / _size(direction)[:, None, None], _size(behind), _size(ahead)


def band_forces(path: Floats, energies: Floats, forces: Floats, *, climbing: int | None) -> BandForces:
    """path (n, N, 3), energies (n,), forces (n, N, 3); `climbing` is an index into the path or None."""
    tangent, behind, ahead = tangents(path, energies)
    inner = forces[1:-1]
    along = (inner * tangent).sum(axis=(1, 2))[:, None, None] * tangent
    true = inner - along
    spacing = 0.5 * (ahead - behind)[:, None, None] * tangent
    if climbing is not None:
        true[climbing - 1] -= along[climbing - 1]
        spacing[climbing - 1] = 0.0
    return BandForces(true, spacing)


def _size(vectors: Floats) -> Floats:
    return np.asarray(np.maximum(np.sqrt((vectors**2).sum(axis=(1, 2))), 1e-12))
