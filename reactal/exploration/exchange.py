"""Replica exchange: neighbours on a ladder of temperatures change places, so that hot replicas' discoveries cool down.

Sugita, Okamoto, Chem. Phys. Lett. 314, 141 (1999). Temperatures are exchanged, not geometries: a replica's frames stay its own.
"""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import InputError
from reactal.exploration.moment import Moment
from reactal.exploration.motion import Motion
from reactal.units import KELVIN

__all__ = ["TemperatureExchange", "ladder"]

Floats = NDArray[np.float64]


def ladder(lowest: float, highest: float, rungs: int) -> Floats:
    """Temperatures (rungs,) K in equal ratios, which accept about alike where the heat capacity is constant."""
    if not (0 < lowest <= highest and np.isfinite(highest)) or rungs < 1:
        raise InputError(f"a ladder needs temperatures above 0 K, the lowest first, not {lowest:g} to {highest:g} K")
    return np.geomspace(lowest, highest, rungs)


@final
class TemperatureExchange:
    """Every `pace` steps, among the replicas (indices) of each ladder that still run; `tried` and `accepted` count."""

    def __init__(self, ladders: list[list[int]], *, pace: int, rng: np.random.Generator) -> None:
        self._ladders, self._pace, self._rng = ladders, pace, rng
        self._odd = False
        self.tried = self.accepted = 0

    def between(self, now: Moment, motion: Motion) -> None:
        row = {int(replica): i for i, replica in enumerate(now.alive) if now.steps[i] > 0 and now.steps[i] % self._pace == 0}
        if not row:
            return
        energy = now.seen.energy + now.bias
        for members in self._ladders:
            running = sorted((i for i in members if i in row), key=lambda i: float(motion.bath[i]))
            for cold, hot in zip(running[self._odd :: 2], running[self._odd + 1 :: 2], strict=False):
                self._try(cold, hot, float(energy[row[cold]] - energy[row[hot]]), motion)
        self._odd = not self._odd

    def _try(self, cold: int, hot: int, lower: float, motion: Motion) -> None:
        """Metropolis on (1/kT_cold - 1/kT_hot) (E_cold - E_hot)."""
        self.tried += 1
        gain = (1 / motion.bath[cold] - 1 / motion.bath[hot]) * lower / KELVIN
        if np.log(self._rng.random()) < gain:
            self.accepted += 1
            motion.swap_baths(cold, hot)
