"""What is different between two sets of frames."""

from __future__ import annotations

import numpy as np

from reactal.chem.frames import Frames
from reactal.store.manifest import DatasetDiff

__all__ = ["compare"]


def compare(first: Frames, second: Frames, *, shared: int = 0) -> DatasetDiff:
    """By structure key; `shared` rows that both have are known beforehand and not among the frames."""
    mine = {key: row for row, key in enumerate(first.keys())}
    theirs = {key: row for row, key in enumerate(second.keys())}
    both = [key for key in mine if key in theirs]
    return DatasetDiff(
        only_first=tuple(key for key in mine if key not in theirs),
        only_second=tuple(key for key in theirs if key not in mine),
        relabelled=tuple(key for key in both if not _same_label(first, mine[key], second, theirs[key])),
        common=len(both) + shared,
    )


def _same_label(first: Frames, i: int, second: Frames, j: int) -> bool:
    return np.array_equal(first.energy[i], second.energy[j], equal_nan=True) and np.array_equal(
        first.forces[first.atoms(i)], second.forces[second.atoms(j)], equal_nan=True
    )
