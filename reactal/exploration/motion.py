"""Places and velocities of all replicas, and how those that are running move.

BAOAB splitting: Leimkuhler, Matthews, J. Chem. Phys. 2013, 138, 174102: half a kick (B), half a drift (A), the thermostat (O),
half a drift, half a kick. Without a thermostat it is velocity Verlet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.exploration.modes import masses_of
from reactal.exploration.noise import Noise
from reactal.exploration.replicas import Replicas
from reactal.exploration.thermostats import Stirred, Thermostat
from reactal.units import AMU_ANGSTROM2_PER_FS2, KELVIN

__all__ = ["Motion", "maxwell"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def maxwell(frames: Frames, temperatures: Floats, normal: Floats, *, fixed: NDArray[np.bool_] | None = None) -> Floats:
    """Velocities (A, 3) in angstrom/fs at the temperatures (n,) from normal numbers (A, 3); without drift of the centre of mass
    unless atoms of the structure are fixed."""
    inertia = masses_of(frames.numbers) * AMU_ANGSTROM2_PER_FS2
    speed = normal * np.sqrt(KELVIN * temperatures[frames.owner] / inertia)[:, None]
    mass = np.add.reduceat(inertia, frames.offsets[:-1])
    drift = np.add.reduceat(inertia[:, None] * speed, frames.offsets[:-1]) / mass[:, None]
    if fixed is None or not fixed.any():
        return np.asarray(speed - drift[frames.owner])
    held = np.add.reduceat(fixed, frames.offsets[:-1]) > 0
    return np.where(fixed[:, None], 0.0, speed - np.where(held[:, None], 0.0, drift)[frames.owner])


@final
class Motion:
    """All replicas' places (A, 3) angstrom and speeds (A, 3) angstrom/fs, and the crew: the replicas that are running.

    Fixed atoms have infinite inertia, so that no force and no noise moves them.
    """

    def __init__(self, replicas: Replicas, speed: Floats, *, thermostat: Thermostat, noise: Noise) -> None:
        self.place, self.speed, self.bath = replicas.frames.positions.copy(), speed, replicas.temperatures.copy()
        self._replicas, self._thermostat, self._noise = replicas, thermostat, noise
        mass = masses_of(replicas.frames.numbers)[:, None] * AMU_ANGSTROM2_PER_FS2  # eV fs²/angstrom²
        self._inertia = np.where(replicas.fixed[:, None], np.inf, mass)
        self._moved = np.where(replicas.fixed[:, None], 0.0, mass)
        still = replicas.moving < replicas.frames.sizes
        # nothing stirs the centre of mass of a replica whose thermostat keeps momentum, unless fixed atoms take it up
        kept = ~still & (replicas.frames.sizes > 1) & (not thermostat.drags)
        self._degrees = 3 * replicas.moving - 3.0 * kept
        self.crew(np.arange(len(replicas)))

    def crew(self, alive: Ints) -> None:
        """These run from now on."""
        frames = self._replicas.frames
        running = np.zeros(len(frames), dtype=bool)
        running[alive] = True
        self.alive, self.atoms = alive, np.flatnonzero(running[frames.owner])
        self._frames = frames if len(alive) == len(frames) else frames[alive]
        self._owner, self._start = self._frames.owner, self._frames.offsets[:-1]
        self._steps = self._replicas.timesteps[alive]
        self._dt = self._steps[self._owner][:, None]
        self._heavy, self._light, self._free = self._inertia[self.atoms], self._moved[self.atoms], self._degrees[alive]

    def here(self) -> Frames:
        """Where the crew is."""
        return replace(self._frames, positions=self.place[self.atoms])

    def kick(self, forces: Floats, *, steps: float = 0.5) -> None:
        """B: so many steps of the forces (A', 3) on the crew."""
        self.speed[self.atoms] += steps * self._dt * forces / self._heavy

    def drift(self, clock: Ints) -> None:
        """AOA: to the next places; clock (m,) is the step that is made."""
        atoms, thermostat = self.atoms, self._thermostat
        self.place[atoms] += 0.5 * self._dt * self.speed[atoms]
        normal = self._noise.draw(self.alive, atoms, clock) if thermostat.random else None
        self.speed[atoms] = thermostat.stir(
            Stirred(
                self.speed[atoms], self._heavy, self._start, self._owner, self.bath[self.alive], self._steps, self._free,
            ),
            normal,
        )  # fmt: skip
        self.place[atoms] += 0.5 * self._dt * self.speed[atoms]

    def swap_baths(self, one: int, other: int) -> None:
        """Two replicas change temperatures, their speeds with them."""
        offsets = self._replicas.frames.offsets
        ratio = np.sqrt(self.bath[other] / self.bath[one])
        self.speed[offsets[one] : offsets[one + 1]] *= ratio
        self.speed[offsets[other] : offsets[other + 1]] /= ratio
        self.bath[[one, other]] = self.bath[[other, one]]

    def heat(self) -> Floats:
        """Kinetic temperatures of the crew (m,) K."""
        twice = np.add.reduceat((self._light * self.speed[self.atoms] ** 2).sum(axis=1), self._start)
        return np.asarray(twice / (self._free * KELVIN))
