"""How much of what a potential knew it has lost."""

from __future__ import annotations

import numpy as np

from reactal.chem import Frames
from reactal.errors import TooFewLabels
from reactal.potentials.base import Potential

__all__ = ["force_mae", "forgetting_ratio"]


def force_mae(potential: Potential, test: Frames) -> float:
    """Mean absolute error of the force components on labelled frames, eV/angstrom."""
    frames = test[np.flatnonzero(test.labelled)]
    if not len(frames):
        raise TooFewLabels("the test set has no label; an error needs some")
    return float(np.abs(potential.predict(frames).forces - frames.forces).mean())


def forgetting_ratio(before: Potential, after: Potential, old: Frames) -> float:
    """The force error on a fixed old test set of what was trained on from `before`, over that of `before`: 1 forgets nothing."""
    return force_mae(after, old) / force_mae(before, old)
