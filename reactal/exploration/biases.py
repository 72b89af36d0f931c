"""What acts on replicas beside the potential. A bias moves them and is no part of what is recorded or labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.collective import CollectiveVariable, measured
from reactal.exploration.modes import masses_of
from reactal.exploration.moment import Moment

__all__ = ["Bias", "Sphere", "Spring", "coordinates", "differences", "pulled"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Bias(Protocol):
    """An energy on top of the potential's."""

    def pull(self, frames: Frames, alive: Ints, steps: Ints) -> tuple[Floats, Floats]:
        """For m replicas with A atoms, which they are (m,) and the step of each (m,): (m,) eV and forces (A, 3) eV/angstrom."""

    def learn(self, now: Moment) -> None:
        """What the replicas have come to, before each look; a bias that grows does it here."""


@final
@dataclass(frozen=True)
class Sphere:
    """Holds atoms within a distance (angstrom) of their replica's centre of mass: a harmonic wall (eV/angstrom²), without a net
    force."""

    radius: float
    stiffness: float = 2.0

    def pull(self, frames: Frames, alive: Ints, steps: Ints) -> tuple[Floats, Floats]:
        start, owner = frames.offsets[:-1], frames.owner
        mass = masses_of(frames.numbers)[:, None]
        total = np.add.reduceat(mass, start)
        arms = frames.positions - (np.add.reduceat(mass * frames.positions, start) / total)[owner]
        length = np.linalg.norm(arms, axis=1, keepdims=True)
        beyond = np.maximum(length - self.radius, 0.0)
        pull = -self.stiffness * beyond * arms / np.maximum(length, 1e-12)
        # the centre moves with its atoms and carries the wall along
        net = np.add.reduceat(pull, start)
        energy = np.add.reduceat(0.5 * self.stiffness * beyond[:, 0] ** 2, start)
        return energy, pull - (mass / total[owner]) * net[owner]

    def learn(self, now: Moment) -> None:
        """A wall stays where it is."""


@final
@dataclass(frozen=True, eq=False)
class Spring:
    """Umbrella windows: each replica's variables (K) on springs (K,), eV per unit squared, to its own centres (n, K). With `to`
    (n, K) the centres move there within `over` steps: steered dynamics."""

    variables: tuple[CollectiveVariable, ...]
    stiffness: Floats
    centres: Floats
    to: Floats | None = None
    over: int = 1

    def pull(self, frames: Frames, alive: Ints, steps: Ints) -> tuple[Floats, Floats]:
        values, slopes = measured(self.variables, coordinates(frames))
        off = differences(self.variables, values, self.centres_at(alive, steps))
        return 0.5 * (self.stiffness * off**2).sum(axis=1), pulled(-self.stiffness * off, slopes)

    def learn(self, now: Moment) -> None:
        """A spring stays as stiff as it is."""

    def centres_at(self, alive: Ints, steps: Ints) -> Floats:
        """Where the springs of these replicas end at these steps: (m, K)."""
        if self.to is None:
            return np.asarray(self.centres[alive])
        way = np.minimum(steps / self.over, 1.0)[:, None]
        return np.asarray(self.centres[alive] + way * (self.to[alive] - self.centres[alive]))


def coordinates(frames: Frames) -> Floats:
    """Positions (m, N, 3): collective variables are those of one molecule."""
    if len(frames) and (frames.sizes != frames.sizes[0]).any():
        raise InputError("collective variables need replicas of one molecule; explore molecules of other sizes apart")
    return frames.positions.reshape(len(frames), -1, 3)


def differences(variables: Sequence[CollectiveVariable], values: Floats, others: Floats) -> Floats:
    """values - others (..., K), the short way round where a variable repeats itself."""
    away = values - others
    for column, variable in enumerate(variables):
        if variable.period is not None:
            away[..., column] -= variable.period * np.round(away[..., column] / variable.period)
    return np.asarray(away)


def pulled(along: Floats, slopes: Floats) -> Floats:
    """Forces (m N, 3) from forces on the variables (m, K) and their slopes (m, K, N, 3)."""
    return np.asarray(np.einsum("mk,mkac->mac", along, slopes).reshape(-1, 3))
