"""Labels that no training could be right about are refused before it begins."""

from __future__ import annotations

import numpy as np

from reactal.chem import Frames
from reactal.errors import InputError

__all__ = ["THEORY", "admitted"]

NAMED = 3
THEORY = "theory"  # the column that says at which level of theory a row was labelled, where files or data sets do


def admitted(frames: Frames) -> Frames:
    """The frames; `InputError` where a labelled row has forces that are no numbers, or rows are of several theories."""
    finite = np.asarray(np.isfinite(frames.forces).all(axis=1))
    broken = [row for row in np.flatnonzero(frames.labelled).tolist() if not finite[frames.atoms(row)].all()]
    if broken:
        raise InputError(
            f"{len(broken)} of {len(frames)} structures have an energy and forces that are no numbers (the first is number "
            f"{broken[0]}, from 0); label them again or take them out"
        )
    theories = _theories(frames)
    if len(theories) > 1:
        shown = ", ".join(theories[:NAMED]) + (", ..." if len(theories) > NAMED else "")
        raise InputError(
            f"the labels are of {len(theories)} theories ({shown}), whose energies do not belong together; train on those of one"
        )
    return frames


def _theories(frames: Frames) -> list[str]:
    if THEORY not in frames.extra:
        return []
    return sorted({str(name) for name in frames.extra[THEORY][frames.labelled]} - {""})
