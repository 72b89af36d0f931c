"""Hills and valleys of an energy profile along a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Extremum", "profile_extrema"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Extremum:
    """An interior image that is higher (or lower) than its surroundings.

    depth (eV): how far one must at least go down (or up) from it before meeting a higher (or lower) point or the path's end.
    """

    index: int
    energy: float
    depth: float


def profile_extrema(
    energies: Sequence[float] | Floats, *, least_depth: float = 0.0
) -> tuple[tuple[Extremum, ...], tuple[Extremum, ...]]:
    """Maxima and minima between the ends, in the order of the path, without those shallower than `least_depth` (eV)."""
    profile = np.asarray(energies, dtype=np.float64)
    return _maxima(profile, least_depth), tuple(Extremum(e.index, -e.energy, e.depth) for e in _maxima(-profile, least_depth))


def _maxima(profile: Floats, least_depth: float) -> tuple[Extremum, ...]:
    found = []
    for i in range(1, len(profile) - 1):
        if profile[i] > profile[i - 1] and profile[i] >= profile[i + 1]:
            depth = min(_fall(profile[i::-1]), _fall(profile[i:]))
            if depth > 0 and depth >= least_depth:
                found.append(Extremum(i, float(profile[i]), depth))
    return tuple(found)


def _fall(side: Floats) -> float:
    """From the first point down to the lowest one that is reached before a higher one."""
    higher = np.flatnonzero(side > side[0])
    reachable = side[: higher[0]] if len(higher) else side
    return float(side[0] - reachable.min())
