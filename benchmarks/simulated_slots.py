"""A Dask worker's preload for `scale.py`: its slots wait as long as a label is said to take, and then write it as ever.

Nothing else is simulated: pool, scheduler, workers, claims and store are the real ones.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from statistics import NormalDist

import numpy as np

import reactal.labeling.slot
from reactal.chem import Attempt, Label, Structure, Theory
from reactal.labeling.base import LabelingResources

__all__ = ["NO_TIME", "cost", "dask_setup", "structures"]

NO_TIME = "SIMULATED_SLOTS_NO_TIME"  # of the environment: labels take none, so that only what is around them does
MEAN_S = 4.0  # as wB97X-D/6-31G* of 6 to 9 atoms takes 3 to 8 s
SPREAD = 0.8  # of the logarithm, in all
UNFORESEEN = 0.25  # of it, which no size explains: cycles of the SCF, other work on the node
EXPONENT = 2.7  # of a density-fitted gradient in the size of the molecule
ATOMS = 12  # the median
SIZES = math.sqrt(SPREAD**2 - UNFORESEEN**2) / EXPONENT  # of the logarithm of the number of atoms
TRIO = 3  # atoms of structures of one size, whose costs nothing predicts
BOND = 0.9  # angstrom


def structures(count: int, random: np.random.Generator, *, alike: bool) -> list[Structure]:
    """Chains of hydrogen: of many sizes, from which a cost model can tell how long they take, or `alike` in size."""
    sizes = np.clip(np.rint(ATOMS * np.exp(SIZES * random.normal(size=count))), TRIO, None).astype(int)
    return [_chain(TRIO if alike else int(atoms), random) for atoms in sizes]


def _chain(atoms: int, random: np.random.Generator) -> Structure:
    places = BOND * np.outer(np.arange(atoms), [0.0, 0.0, 1.0]) + random.normal(0, 0.05, (atoms, 3))
    return Structure.from_symbols("H" * atoms, places, multiplicity=1 + atoms % 2)


def cost(structure: Structure) -> float:
    """Seconds, lognormal with mean MEAN_S over `structures`; the part that its size does not explain follows from its key."""
    lot = int.from_bytes(hashlib.sha256(structure.key.encode()).digest()[:8], "big")
    normal = NormalDist().inv_cdf((lot + 0.5) / 2**64)
    if len(structure) == TRIO:
        return MEAN_S * math.exp(SPREAD * normal - SPREAD**2 / 2)
    share = (len(structure) / ATOMS) ** EXPONENT / math.exp((EXPONENT * SIZES) ** 2 / 2)
    return MEAN_S * share * math.exp(UNFORESEEN * normal - UNFORESEEN**2 / 2)


class Waiting:
    """An `Impatient` labeler, so that claims are taken, too."""

    def __init__(self, theory: Theory) -> None:
        self._theory = theory

    def expect(self, seconds: float | None) -> None:
        """It never hangs."""

    def compute(self, structure: Structure) -> Label:
        seconds = 0.0 if os.environ.get(NO_TIME) else cost(structure)
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
