"""The replicas that are running, at one instant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.base import Prediction

__all__ = ["Moment"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Moment:
    """m running replicas: which they are (m,), the step of each (m,), where, what the potential says of it, how hot each is
    (m,) K, and the energy of the biases on each (m,) eV, which is not part of `seen`."""

    alive: Ints
    steps: Ints
    frames: Frames
    seen: Prediction
    heat: Floats
    bias: Floats

    @classmethod
    def nobody(cls, frames: Frames) -> Moment:
        """Of replicas like these none."""
        nothing, none = np.zeros(0), np.zeros(0, dtype=np.int64)
        return cls(none, none, frames[none], Prediction(nothing, np.zeros((0, 3)), nothing, nothing), nothing, nothing)

    def __len__(self) -> int:
        return len(self.alive)

    def only(self, rows: Ints) -> Moment:
        """Some of the replicas."""
        atoms = np.concatenate(
            [np.arange(*self.frames.atoms(int(i)).indices(len(self.frames.numbers))) for i in rows] or [np.zeros(0, int)]
        )
        seen = Prediction(
            self.seen.energy[rows], self.seen.forces[atoms], self.seen.energy_spread[rows], self.seen.force_spread[atoms]
        )
        return Moment(self.alive[rows], self.steps[rows], self.frames[rows], seen, self.heat[rows], self.bias[rows])

    def with_more(self, other: Moment) -> Moment:
        """These replicas, then the others."""
        if not len(self):
            return other
        mine, theirs = self.seen, other.seen
        seen = Prediction(
            np.concatenate([mine.energy, theirs.energy]),
            np.concatenate([mine.forces, theirs.forces]),
            np.concatenate([mine.energy_spread, theirs.energy_spread]),
            np.concatenate([mine.force_spread, theirs.force_spread]),
        )
        columns = ((getattr(self, name), getattr(other, name)) for name in ("alive", "steps", "heat", "bias"))
        alive, steps, heat, bias = (np.concatenate(pair) for pair in columns)
        return Moment(alive, steps, Frames.concat([self.frames, other.frames]), seen, heat, bias)

    def labelled(self) -> Frames:
        """The frames with the model's energies and forces and the columns `replica`, `step`, `temperature`, `disagreement`."""
        frames = replace(self.frames, energy=np.asarray(self.seen.energy), forces=np.asarray(self.seen.forces))
        return frames.with_extra(
            replica=self.alive, step=self.steps, temperature=self.heat, disagreement=self.seen.disagreement(self.frames)
        )
