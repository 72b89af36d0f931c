"""Which rows a member never trains on, so that its validation error is honest and the best of its weights can be told."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.training.settings import TrainingSettings

__all__ = ["always_held_out", "held_out_rows"]

Ints = NDArray[np.int64]
FEWEST = 2


def held_out_rows(frames: Frames, settings: TrainingSettings, *, fold: int) -> Ints:
    """Sorted row numbers; none where there are too few rows.

    A structure's place follows from the fold and its key alone: growing data never bring a row that was trained on into the
    fold, which a fresh draw in each iteration would. Rows of a weight other than 1 were asked for dearly and are trained on.
    """
    if len(frames) < settings.validation_from or not settings.validation_share:
        return np.zeros(0, dtype=np.int64)
    place = np.array([_place(fold, key) for key in frames.keys()])  # noqa: SIM118 not a mapping
    if "weight" in frames.extra:
        weight = np.asarray(frames.extra["weight"], dtype=np.float64)
        place[np.isfinite(weight) & (weight != 1.0)] = np.inf
    few = np.sort(place)[FEWEST - 1]
    return np.flatnonzero((place < max(settings.validation_share, np.nextafter(few, 2.0))) & (place < 1))


def always_held_out(frames: Frames, share: float, *, fold: int) -> Ints:
    """Sorted row numbers among rows of weight 1: those that `held_out_rows` holds out however few or many rows there are."""
    place = np.array([_place(fold, key) for key in frames.keys()])  # noqa: SIM118 not a mapping
    return np.flatnonzero(place < share)


def _place(fold: int, key: str) -> float:
    """Evenly spread over [0, 1)."""
    digest = hashlib.sha256(f"fold-1|{fold}|{key}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
