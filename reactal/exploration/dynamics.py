"""Langevin dynamics of many replicas in one batch, mixed sizes allowed; a replica that must end drops out.

BAOAB splitting: Leimkuhler, Matthews, J. Chem. Phys. 2013, 138, 174102: half a kick (B), half a drift (A), friction and
noise (O), half a drift, half a kick. Without friction it is velocity Verlet. One call of the potential a step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.chem import Frames
from reactal.exploration.contacts import closest_contacts
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.modes import masses_of
from reactal.potentials.base import Potential, Prediction
from reactal.units import AMU_ANGSTROM2_PER_FS2, KELVIN

__all__ = ["Ending", "Trajectories", "langevin", "thermal_velocities"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Ending:
    """How a replica ended. `proposed` is the frame to label if it ended in doubt: the first above the trust region, or
    the last before it where the step went past the cap; None if no doubt ended it."""

    replica: int
    step: int
    reason: str
    proposed: int | None


@final
@dataclass(frozen=True, eq=False)
class Trajectories:
    """Frames in the order they were reached, with the model's energies and forces and the columns `replica`, `step`,
    `temperature` (kinetic, K) and `disagreement` (eV/angstrom); one ending for each replica; velocities (A, 3) in
    angstrom/fs at the end."""

    frames: Frames
    endings: tuple[Ending, ...]
    velocities: Floats


def langevin(
    potential: Potential,
    frames: Frames,
    *,
    temperatures: ArrayLike,
    steps: int,
    timestep_fs: float = 0.5,
    friction: float = 0.02,
    guards: Guards | None = None,
    rng: np.random.Generator,
    stride: int = 10,
    velocities: Floats | None = None,
) -> Trajectories:
    """Every structure of `frames` as a replica at its temperature (K; one for all or one each).

    friction in 1/fs, zero for constant energy. Velocities (A, 3) in angstrom/fs, drawn at the temperature if not given.
    Each replica's noise does not depend on which others are still running.
    """
    bath = np.broadcast_to(np.asarray(temperatures, dtype=np.float64), (len(frames),))
    speed = thermal_velocities(frames, bath, rng) if velocities is None else np.array(velocities, dtype=np.float64)
    motion = _Motion(frames, bath, speed, dt=timestep_fs, friction=friction, rng=rng)
    log, guards = _Log(), guards or Guards()
    now = motion.warmed(motion.look(potential, 0, np.arange(len(frames))))
    watch = _Watch(guards, np.asarray(now.seen.energy, dtype=np.float64), closest_contacts(now.frames), bath)
    before = now
    for step in range(steps + 1):
        if step:
            before = now
            motion.drift(now)
            now = motion.look(potential, step, now.alive)
            motion.kick(now)
            now = motion.warmed(now)
        now = _sifted(now, before, watch, log, last=step == steps, due=step % stride == 0)
        if not len(now.alive):
            break
    return Trajectories(log.frames(), log.endings(), motion.speed)


def thermal_velocities(frames: Frames, temperatures: ArrayLike, rng: np.random.Generator) -> Floats:
    """Maxwell-Boltzmann velocities (A, 3) in angstrom/fs, without drift of the centre of mass."""
    bath = np.broadcast_to(np.asarray(temperatures, dtype=np.float64), (len(frames),))
    inertia = masses_of(frames.numbers) * AMU_ANGSTROM2_PER_FS2
    speed = rng.standard_normal(frames.positions.shape) * np.sqrt(KELVIN * bath[frames.owner] / inertia)[:, None]
    mass = np.add.reduceat(inertia, frames.offsets[:-1])
    drift = np.add.reduceat(inertia[:, None] * speed, frames.offsets[:-1]) / mass[:, None]
    return np.asarray(speed - drift[frames.owner])


@final
@dataclass(frozen=True, eq=False)
class _Moment:
    """The m replicas still running at one step: which they are, where, what the potential says, and how hot each is (K)."""

    step: int
    alive: NDArray[np.int64]
    frames: Frames
    seen: Prediction
    heat: Floats

    def only(self, rows: NDArray[np.int64]) -> _Moment:
        return _Moment(self.step, self.alive[rows], self.frames[rows], _rows(self.seen, self.frames, rows), self.heat[rows])


@final
class _Motion:
    """Places and velocities of all replicas (A, 3), and how those that are running move."""

    def __init__(
        self, frames: Frames, bath: Floats, speed: Floats, *, dt: float, friction: float, rng: np.random.Generator
    ) -> None:
        self.speed = speed
        self._frames, self._place, self._dt, self._rng = frames, frames.positions.copy(), dt, rng
        self._inertia = masses_of(frames.numbers)[:, None] * AMU_ANGSTROM2_PER_FS2  # eV fs²/angstrom²
        self._keep = np.exp(-friction * dt)
        self._noise = np.sqrt((1 - self._keep**2) * KELVIN * bath[frames.owner][:, None] / self._inertia)

    def look(self, potential: Potential, step: int, alive: NDArray[np.int64]) -> _Moment:
        everywhere = replace(self._frames, positions=self._place.copy())
        here = everywhere if len(alive) == len(everywhere) else everywhere[alive]
        return _Moment(step, alive, here, potential.predict(here), np.zeros(len(alive)))

    def kick(self, now: _Moment) -> None:
        """B: half a step of the forces."""
        atoms = self._atoms(now)
        self.speed[atoms] += 0.5 * self._dt * now.seen.forces / self._inertia[atoms]

    def drift(self, now: _Moment) -> None:
        """BAOA: from the forces here to the next places."""
        self.kick(now)
        atoms = self._atoms(now)
        self._place[atoms] += 0.5 * self._dt * self.speed[atoms]
        if self._keep < 1:
            # drawn for all, running or not, so that no replica's noise depends on another's fate
            noise = self._noise * self._rng.standard_normal(self._place.shape)
            self.speed[atoms] = self._keep * self.speed[atoms] + noise[atoms]
        self._place[atoms] += 0.5 * self._dt * self.speed[atoms]

    def warmed(self, now: _Moment) -> _Moment:
        """With the kinetic temperatures of the present velocities, all 3N directions counted."""
        twice = np.add.reduceat((self._inertia * self.speed**2).sum(axis=1), self._frames.offsets[:-1])
        return replace(now, heat=(twice / (3 * self._frames.sizes * KELVIN))[now.alive])

    def _atoms(self, now: _Moment) -> NDArray[np.int64]:
        running = np.zeros(len(self._frames), dtype=bool)
        running[now.alive] = True
        return np.flatnonzero(running[self._frames.owner])


@final
@dataclass(frozen=True, eq=False)
class _Watch:
    """The guards, and where each replica began: energies (n,), contacts (n,), bath temperatures (n,)."""

    guards: Guards
    energies: Floats
    contacts: Floats
    bath: Floats

    def reasons(self, now: _Moment) -> NDArray[np.str_]:
        bath = self.bath[now.alive]
        return self.guards.check(
            now.frames,
            now.seen,
            start_energies=self.energies[now.alive],
            start_contacts=self.contacts[now.alive],
            heat=np.divide(now.heat, bath, out=np.zeros_like(now.heat), where=bath > 0),
        )


@final
class _Log:
    """What is kept of the run."""

    def __init__(self) -> None:
        self._parts: list[Frames] = []
        self._kept = 0
        self._endings: dict[int, Ending] = {}

    def keep(self, now: _Moment) -> int:
        """The index of the last frame kept."""
        if len(now.alive):
            frames = replace(now.frames, energy=np.asarray(now.seen.energy), forces=np.asarray(now.seen.forces))
            self._parts.append(
                frames.with_extra(
                    replica=now.alive,
                    step=np.full(len(now.alive), now.step),
                    temperature=now.heat,
                    disagreement=now.seen.disagreement(now.frames),
                )
            )
            self._kept += len(now.alive)
        return self._kept - 1

    def end(self, replica: int, step: int, reason: str, proposed: int | None) -> None:
        self._endings[replica] = Ending(replica, step, reason, proposed)

    def frames(self) -> Frames:
        return Frames.concat(self._parts)

    def endings(self) -> tuple[Ending, ...]:
        return tuple(self._endings[replica] for replica in sorted(self._endings))


def _sifted(now: _Moment, before: _Moment, watch: _Watch, log: _Log, *, last: bool, due: bool) -> _Moment:
    """What goes on. A replica that ends in the doubtful band proposes this frame, one that leapt over it the frame before."""
    reasons = watch.reasons(now)
    over = reasons != Ended.COMPLETED.value
    rest = now.only(np.flatnonzero(~over)) if over.any() else now
    if due or last:
        log.keep(rest)
    for row in np.flatnonzero(over):
        proposed = None
        if reasons[row] == Ended.DOUBTFUL:
            proposed = log.keep(now.only(np.asarray([row])))
        elif reasons[row] == Ended.RUNAWAY and now.step > 0:
            proposed = log.keep(before.only(np.asarray([row])))
        log.end(int(now.alive[row]), now.step, str(reasons[row]), proposed)
    for replica in rest.alive if last else ():
        log.end(int(replica), now.step, Ended.COMPLETED.value, None)
    return rest


def _rows(seen: Prediction, frames: Frames, rows: NDArray[np.int64]) -> Prediction:
    """The prediction of some of the structures."""
    atoms = np.concatenate([np.arange(*frames.atoms(int(i)).indices(len(frames.numbers))) for i in rows] or [np.zeros(0, int)])
    return Prediction(seen.energy[rows], seen.forces[atoms], seen.energy_spread[rows], seen.force_spread[atoms])
