"""What couples replicas to their baths: the middle of each step, between the two halves of the drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import ConfigError
from reactal.units import KELVIN

__all__ = ["Isolated", "Langevin", "Rescaling", "Stirred", "Thermostat"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Stirred:
    """m replicas with A atoms in the middle of a step: speed (A, 3) angstrom/fs; inertia (A, 1) eV fs²/angstrom², infinite for
    fixed atoms; start (m,) first atom and owner (A,) replica of each; bath (m,) K; timestep (m,) fs; degrees (m,) of freedom."""

    speed: Floats
    inertia: Floats
    start: NDArray[np.int64]
    owner: NDArray[np.int64]
    bath: Floats
    timestep: Floats
    degrees: Floats


class Thermostat(Protocol):
    """Keeps the canonical distribution of velocities, or leaves them alone."""

    @property
    def random(self) -> bool:
        """Whether it needs noise."""

    @property
    def drags(self) -> bool:
        """Whether the centre of mass is stirred too: then its three directions count as degrees of freedom."""

    def stir(self, now: Stirred, normal: Floats | None) -> Floats:
        """The new speed (A, 3), one time step on; normal (A, 3) are standard normal numbers."""


@final
@dataclass(frozen=True)
class Isolated:
    """No bath: velocity Verlet, constant energy."""

    random: bool = False
    drags: bool = True

    def stir(self, now: Stirred, normal: Floats | None) -> Floats:
        return now.speed


@final
@dataclass(frozen=True)
class Langevin:
    """Friction and noise on every atom (friction in 1/fs): the O of BAOAB, exact for any time step."""

    friction: float = 0.02
    random: bool = True
    drags: bool = True

    def __post_init__(self) -> None:
        if not self.friction > 0:
            raise ConfigError(
                f"friction must be above 0 1/fs, not {self.friction}; without friction the energy is constant (nve)"
            )

    def stir(self, now: Stirred, normal: Floats | None) -> Floats:
        assert normal is not None
        keep = np.exp(-self.friction * now.timestep)[now.owner][:, None]
        noise = np.sqrt((1 - keep**2) * KELVIN * now.bath[now.owner][:, None] / now.inertia)
        return np.asarray(keep * now.speed + noise * normal)


@final
@dataclass(frozen=True)
class Rescaling:
    """Canonical velocity rescaling (Bussi, Donadio, Parrinello, J. Chem. Phys. 126, 014101 (2007), eq. A7); relaxation in fs.

    Disturbs the dynamics less than friction does. The direction of every velocity stays, and with it the momentum.
    """

    relaxation: float = 100.0
    random: bool = True
    drags: bool = False

    def __post_init__(self) -> None:
        if not self.relaxation > 0:
            raise ConfigError(f"the thermostat's relaxation time must be above 0 fs, not {self.relaxation}")

    def stir(self, now: Stirred, normal: Floats | None) -> Floats:
        assert normal is not None
        free = np.isfinite(now.inertia)
        kinetic = 0.5 * _sums(np.where(free, now.inertia, 0.0) * now.speed**2, now.start)
        # the replica's first free number is R_1; of the others as many as there are degrees of freedom give the sum of squares
        flat = _first_rows(normal, now, free)
        first = flat[:, 0]
        counted = np.arange(flat.shape[1]) < now.degrees[:, None]
        squares = np.where(counted, flat**2, 0.0).sum(axis=1)
        keep = np.exp(-now.timestep / self.relaxation)
        share = 0.5 * KELVIN * now.bath / np.maximum(kinetic, 1e-12)  # of the bath's energy in one degree of freedom
        scale = keep + (1 - keep) * share * squares + 2 * first * np.sqrt(keep * (1 - keep) * share)
        turned = first + np.sqrt(keep / np.maximum((1 - keep) * share, 1e-300)) < 0
        factor = np.where(turned, -1.0, 1.0) * np.sqrt(np.maximum(scale, 0.0))
        return np.asarray(now.speed * factor[now.owner][:, None])


def _sums(values: Floats, start: NDArray[np.int64]) -> Floats:
    """Of all components of each replica's atoms (m,)."""
    return np.asarray(np.add.reduceat(values.sum(axis=1), start))


def _first_rows(normal: Floats, now: Stirred, free: NDArray[np.bool_]) -> Floats:
    """The numbers of each replica's free atoms, side by side: (m, 3 M), zero where a replica has fewer atoms than the largest."""
    rows = np.flatnonzero(free[:, 0])
    owner = now.owner[rows]
    count = np.bincount(owner, minlength=len(now.start))
    column = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    table = np.zeros((len(now.start), int(count.max(initial=1)), 3))
    table[owner, column] = normal[rows]
    return table.reshape(len(table), -1)
