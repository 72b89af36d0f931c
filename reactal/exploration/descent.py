"""Down from a saddle on both sides, in steps too short to jump into another valley."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.exploration.bonds import bonds
from reactal.exploration.relax import Relaxation
from reactal.exploration.saddle import SaddlePoint
from reactal.potentials.base import Potential

__all__ = ["Descent", "descend"]

Floats = NDArray[np.float64]

FORCE_MAX = 0.05  # eV/angstrom at which a side has arrived
LARGEST_MOVE = 0.1  # angstrom a step


@final
@dataclass(frozen=True, eq=False)
class Descent:
    """Where one side ended. positions (N, 3), energy eV, the trajectory (k, N, 3) downhill and its bonds at the end.
    `disagreement` is the largest on the way."""

    positions: Floats
    energy: float
    force_max: float
    disagreement: float
    trajectory: Floats
    bonds: frozenset[tuple[int, int]]
    arrived: bool


def descend(
    potential: Potential,
    template: Structure,
    saddle: SaddlePoint,
    *,
    step: float = 0.1,
    max_steps: int = 120,
    force_max: float = FORCE_MAX,
) -> tuple[Descent, Descent]:
    """Both sides of a saddle, along +mode and -mode; the atom that moves most starts `step` angstrom off the saddle."""
    reach = float(np.linalg.norm(saddle.mode, axis=1).max())
    sides = [
        Relaxation(
            template.moved(saddle.positions + sign * step / reach * saddle.mode),
            max_steps=max_steps,
            force_max=force_max,
            trust=LARGEST_MOVE / 2,
            largest_trust=LARGEST_MOVE,
        )
        for sign in (1.0, -1.0)
    ]
    ways = [_Way(), _Way()]
    while running := [i for i, side in enumerate(sides) if not side.done]:
        places = np.stack([sides[i].ask() for i in running])
        frames = Frames.repeat(template, places)
        seen = potential.predict(frames)
        forces = np.asarray(seen.forces, dtype=np.float64).reshape(places.shape)
        doubt = seen.disagreement(frames)
        for row, i in enumerate(running):
            ways[i].note(places[row], float(seen.energy[row]), float(doubt[row]))
            sides[i].tell(float(seen.energy[row]), forces[row])
    plus, minus = (way.descent(template, side) for way, side in zip(ways, sides, strict=True))
    return plus, minus


@final
class _Way:
    """The lowest points passed, in order."""

    def __init__(self) -> None:
        self._places: list[Floats] = []
        self._energy = np.inf
        self._doubt = 0.0

    def note(self, place: Floats, energy: float, doubt: float) -> None:
        self._doubt = max(self._doubt, doubt)
        if energy <= self._energy + 2e-3 or not self._places:
            self._places.append(place)
            self._energy = energy

    def descent(self, template: Structure, side: Relaxation) -> Descent:
        return Descent(
            positions=side.positions,
            energy=self._energy,
            force_max=side.force_norm,
            disagreement=self._doubt,
            trajectory=np.asarray(self._places),
            bonds=bonds(template.numbers, side.positions),
            arrived=side.converged,
        )
