"""A Dask worker's preload for `scale.py`: its slots wait as long as a label is said to take, and then write it as ever.

Nothing else is simulated: pool, scheduler, workers, claims and store are the real ones.
"""

from __future__ import annotations

import hashlib
import math
import time
from statistics import NormalDist

import numpy as np

import reactal.labeling.slot
from reactal.chem import Attempt, Label, Structure, Theory
from reactal.labeling.base import LabelingResources

__all__ = ["SPREAD", "cost", "dask_setup"]

MEAN_S = 1.5
SPREAD = 0.8  # of the logarithm


def cost(structure: Structure) -> float:
    """Seconds, lognormal with mean MEAN_S: a number that follows from the structure's key."""
    lot = int.from_bytes(hashlib.sha256(structure.key.encode()).digest()[:8], "big")
    normal = NormalDist().inv_cdf((lot + 0.5) / 2**64)
    return MEAN_S * math.exp(SPREAD * normal - SPREAD**2 / 2)


class Waiting:
    """An `Impatient` labeler, so that claims are taken, too."""

    def __init__(self, theory: Theory) -> None:
        self._theory = theory

    def expect(self, seconds: float | None) -> None:
        """It never hangs."""

    def compute(self, structure: Structure) -> Label:
        seconds = cost(structure)
        time.sleep(seconds)
        forces = np.zeros((len(structure), 3))
        return Label(structure.key, self._theory.fingerprint, 0.0, forces, attempts=(Attempt(seconds=seconds),))

    def close(self) -> None:
        """Holds nothing."""


def waiting(theory: Theory, resources: LabelingResources | None = None) -> Waiting:  # noqa: ARG001 -- as `make_labeler`
    return Waiting(theory)


def dask_setup(worker: object) -> None:  # noqa: ARG001 -- what Dask gives
    """Dask calls it when the worker starts."""
    reactal.labeling.slot.make_labeler = waiting
