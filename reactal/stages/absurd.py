"""The stated rule by which a label stays in the store but out of training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.learning import Training

__all__ = ["absurd_rows"]


def absurd_rows(frames: Frames, rule: Training) -> NDArray[np.bool_]:
    """True where a force exceeds `force_limit`, or the energy the lowest of all by more than `energy_limit`."""
    if not len(frames):
        return np.zeros(0, dtype=bool)
    too_high = frames.energy > np.nanmin(frames.energy) + rule.energy_limit
    return np.asarray((frames.max_force() > rule.force_limit) | too_high)
