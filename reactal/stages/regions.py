"""Which part of a reaction's surface a geometry belongs to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.exploration.bonds import bonds, fragments
from reactal.stages.ends import Ends

__all__ = ["DISSOCIATED", "REGIONS", "STRAINED", "TRANSITION", "regions"]

TRANSITION, DISSOCIATED, STRAINED = "transition region", "dissociated", "strained"
REGIONS = ("reactant basin", "product basin", TRANSITION, STRAINED, DISSOCIATED)
APART = 2.0  # of a bond: parts of a complex or of a saddle are nearer (C-Cl ends at 3.5 angstrom)
STRAIN = 0.1  # of a bond's length in the minimum; thermal motion at 300 K changes a stiff bond by 0.03

Floats = NDArray[np.float64]


def regions(frames: Frames, ends: Ends) -> NDArray[np.str_]:
    """One of `REGIONS` for each structure (n,); all must have the ends' atoms."""
    most = max(len(fragments(end, factor=APART)) for end in (ends.reactant, ends.product))
    return np.asarray([_region(frames.positions[frames.atoms(i)], ends, most) for i in range(len(frames))], dtype=np.str_)


def _region(positions: Floats, ends: Ends, most: int) -> str:
    if len(fragments(ends.reactant.numbers, positions, APART)) > most:
        return DISSOCIATED
    name = ends.name(positions)
    if name == "other":
        return TRANSITION
    end = ends.reactant if name == "reactant" else ends.product
    return STRAINED if _strain(positions, end) > STRAIN else f"{name} basin"


def _strain(positions: Floats, minimum: Structure) -> float:
    """The largest share by which a bond differs from its length in the minimum."""
    pairs = sorted(bonds(minimum))
    if not pairs:
        return 0.0
    first, second = np.asarray(pairs).T
    now = np.linalg.norm(positions[first] - positions[second], axis=1)
    rest = np.linalg.norm(minimum.positions[first] - minimum.positions[second], axis=1)
    return float(np.abs(now / rest - 1).max())
