"""Dynamics of many replicas in one batch, mixed sizes allowed; a replica that ends makes room for the next that waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.biases import Bias
from reactal.exploration.contacts import closest_contacts
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.moment import Moment
from reactal.exploration.motion import Motion, maxwell
from reactal.exploration.noise import Noise, OneStream, OwnStreams
from reactal.exploration.recording import Ending, Memory, Record, Trajectories
from reactal.exploration.replicas import Replicas
from reactal.exploration.thermostats import Isolated, Langevin, Thermostat
from reactal.potentials.base import Potential, Prediction

__all__ = ["Ending", "Exchange", "Leading", "Plan", "Trajectories", "langevin", "simulate", "thermal_velocities"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Leading(Protocol):
    """A potential of which one member can be asked alone, at a fraction of the price."""

    def predict(self, frames: Frames) -> Prediction:
        """As `Potential`."""

    def lead(self, frames: Frames) -> tuple[Floats, Floats]:
        """What that member says: energies (n,) eV and forces (A, 3) eV/angstrom."""


class Exchange(Protocol):
    """What replicas do to each other between steps."""

    def between(self, now: Moment, motion: Motion) -> None:
        """May change baths and speeds of the replicas in `now`."""


@final
@dataclass(frozen=True)
class Plan:
    """How often the whole committee is looked at (`check_every` steps; 1: always), every which step is kept (`stride`), how many
    replicas run at once (`batch`; None: all) and how far each goes (`steps`).

    Between two looks one member leads. What the committee's mean adds to it acts as a kick at each look (two time steps in one:
    Tuckerman, Berne, Martyna, J. Chem. Phys. 97, 1990 (1992)), so that it is the mean's dynamics that is followed. When a look
    finds a replica beyond a limit, the whole committee is asked about each step since the last look, and the first that passes
    a limit ends it: as if it had been asked at every step, unless it left and came back between two looks.
    """

    steps: int
    stride: int = 10
    check_every: int = 1
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.steps < 0 or min(self.stride, self.check_every, self.batch or 1) < 1:
            raise InputError(f"steps cannot be below 0, nor stride, check_every and batch below 1: {self}")
        if self.steps % self.check_every or self.stride % self.check_every:
            raise InputError(
                f"steps ({self.steps}) and stride ({self.stride}) must be multiples of check_every ({self.check_every}), "
                "since frames are kept where the whole committee was looked at"
            )


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
    return simulate(
        potential,
        Replicas.of(frames, temperatures=temperatures, timesteps=timestep_fs),
        plan=Plan(steps, stride),
        thermostat=Langevin(friction) if friction else Isolated(),
        noise=OneStream(rng, atoms=len(frames.numbers)),
        guards=guards,
        velocities=velocities,
    )


def thermal_velocities(frames: Frames, temperatures: ArrayLike, rng: np.random.Generator) -> Floats:
    """Maxwell-Boltzmann velocities (A, 3) in angstrom/fs, without drift of the centre of mass."""
    bath = np.broadcast_to(np.asarray(temperatures, dtype=np.float64), (len(frames),))
    return maxwell(frames, bath, rng.standard_normal(frames.positions.shape))


def simulate(
    potential: Potential | Leading,
    replicas: Replicas,
    *,
    plan: Plan,
    thermostat: Thermostat | None = None,
    noise: Noise | None = None,
    guards: Guards | None = None,
    biases: Sequence[Bias] = (),
    exchange: Exchange | None = None,
    record: Record | None = None,
    ended: frozenset[int] = frozenset(),
    velocities: Floats | None = None,
    clock: Ints | None = None,
) -> Trajectories:
    """Every replica from its start to its last step or to the guard that ends it.

    Langevin dynamics unless a thermostat is given, with noise from each replica's own seed. Biases act beside the potential and
    are not part of what is recorded. Given a `record`, frames and endings go there, and those that come back are empty. Replicas
    in `ended` are left out; `clock` (n,) says which step each begins at, where an earlier run was left.
    """
    if plan.check_every > 1 and not hasattr(potential, "lead"):
        raise InputError("check_every above 1 needs a potential of which one member can be asked alone (DrivenCommittee)")
    noise = noise or OwnStreams(replicas.seeds, sizes=replicas.frames.sizes)
    if velocities is None:
        speed = maxwell(replicas.frames, replicas.temperatures, noise.first(), fixed=replicas.fixed)
    else:
        speed = np.where(replicas.fixed[:, None], 0.0, np.array(velocities, dtype=np.float64))
    motion = Motion(replicas, speed, thermostat=thermostat or Langevin(), noise=noise)
    memory = Memory()
    watch = _Watch.of(guards or Guards(), replicas.frames, motion.bath)
    begun = np.zeros(len(replicas), dtype=np.int64) if clock is None else clock
    run = _Run(potential, motion, watch, plan, begun=begun, biases=biases, record=record or memory)
    waiting = np.asarray([i for i in range(len(replicas)) if i not in ended], dtype=np.int64)
    now = Moment.nobody(replicas.frames)
    while len(now) or len(waiting):
        room = (plan.batch or len(replicas)) - len(now)
        if room and len(waiting):
            now, waiting = run.admitted(now, waiting[:room]), waiting[room:]
            continue  # what is admitted may end at once
        now = run.advanced(now)
        if exchange is not None and len(now):
            exchange.between(now, motion)
    return Trajectories(memory.frames(), memory.endings(), motion.speed)


@final
@dataclass(frozen=True, eq=False)
class _Watch:
    """The guards, and where each replica began: frames, energies (n,), contacts (n,), bath temperatures (n,)."""

    guards: Guards
    begun: Frames
    energies: Floats
    contacts: Floats
    bath: Floats

    @classmethod
    def of(cls, guards: Guards, begun: Frames, bath: Floats) -> _Watch:
        return cls(guards, begun, np.zeros(len(begun)), closest_contacts(begun) if len(begun) else np.zeros(0), bath)

    def reasons(self, now: Moment) -> NDArray[np.str_]:
        bath = self.bath[now.alive]
        return self.guards.check(
            now.frames,
            now.seen,
            start_energies=self.energies[now.alive],
            start_contacts=self.contacts[now.alive],
            heat=np.divide(now.heat, bath, out=np.zeros_like(now.heat), where=bath > 0),
            begun=self.begun[now.alive] if self.guards.looks_back else None,
        )


@final
class _Run:
    """One run: from look to look."""

    def __init__(
        self,
        potential: Potential | Leading,
        motion: Motion,
        watch: _Watch,
        plan: Plan,
        *,
        begun: Ints,
        biases: Sequence[Bias],
        record: Record,
    ) -> None:
        self._potential, self._motion, self._watch, self._plan = potential, motion, watch, plan
        self._begun, self._biases, self._record = begun, biases, record

    def admitted(self, now: Moment, fresh: Ints) -> Moment:
        """With fresh replicas beside those that run; both are the crew now."""
        self._motion.crew(fresh)
        frames, steps = self._motion.here(), self._begun[fresh]
        bias, _ = self._pull(frames, fresh, steps)
        new = Moment(fresh, steps, frames, self._potential.predict(frames), self._motion.heat(), bias)
        self._watch.energies[fresh] = new.seen.energy
        both = now.with_more(self._sifted(new, [], []))
        self._motion.crew(both.alive)
        return both

    def advanced(self, now: Moment) -> Moment:
        """From this look to the next; what goes on."""
        for bias in self._biases:
            bias.learn(now)
        trail = [self._stepped(now)] if self._plan.check_every == 1 else self._led(now)
        rest = self._sifted(trail[-1], trail[:-1], [now])
        if len(rest) < len(now):
            self._motion.crew(rest.alive)
        return rest

    def _stepped(self, now: Moment) -> Moment:
        """One step of the whole committee."""
        motion, next_steps = self._motion, now.steps + 1
        motion.kick(now.seen.forces + self._pull(now.frames, now.alive, now.steps)[1])
        motion.drift(now.steps)
        here = motion.here()
        seen = self._potential.predict(here)
        bias, pull = self._pull(here, now.alive, next_steps)
        motion.kick(seen.forces + pull)
        return replace(now, steps=next_steps, frames=here, seen=seen, heat=motion.heat(), bias=bias)

    def _led(self, now: Moment) -> list[Moment]:
        """Steps of the leading member between two kicks of the mean's difference to it; only the last is a look."""
        motion, count = self._motion, self._plan.check_every
        potential = cast(Leading, self._potential)  # `simulate` looked
        led = potential.lead(now.frames)[1]
        motion.kick(now.seen.forces - led, steps=0.5 * count)
        _, pull = self._pull(now.frames, now.alive, now.steps)
        trail: list[Moment] = []
        for i in range(1, count + 1):
            motion.kick(led + pull)
            motion.drift(now.steps + i - 1)
            here = motion.here()
            led = potential.lead(here)[1]
            bias, pull = self._pull(here, now.alive, now.steps + i)
            motion.kick(led + pull)
            trail.append(replace(now, steps=now.steps + i, frames=here, heat=motion.heat(), bias=bias))
        seen = potential.predict(trail[-1].frames)
        motion.kick(seen.forces - led, steps=0.5 * count)
        return [*trail[:-1], replace(trail[-1], seen=seen, heat=motion.heat())]

    def _pull(self, frames: Frames, alive: Ints, steps: Ints) -> tuple[Floats, Floats]:
        """Energies (m,) eV and forces (A', 3) of all biases together."""
        energy, forces = np.zeros(len(frames)), np.zeros((len(frames.numbers), 3))
        for bias in self._biases:
            more, pull = bias.pull(frames, alive, steps)
            energy, forces = energy + more, forces + pull
        return energy, forces

    def _sifted(self, now: Moment, trail: list[Moment], before: list[Moment]) -> Moment:
        """What goes on. A replica that ends in the doubtful band proposes this frame, one that leapt over it the frame before."""
        reasons = self._watch.reasons(now) if len(now) else np.zeros(0, dtype=str)
        over = reasons != Ended.COMPLETED.value
        rest = now.only(np.flatnonzero(~over)) if over.any() else now
        last = rest.steps == self._plan.steps
        due = last | (rest.steps % self._plan.stride == 0)
        self._record.keep(rest if due.all() else rest.only(np.flatnonzero(due)))
        for row in np.flatnonzero(over):
            self._end(*self._first(now, trail, before, int(row), str(reasons[row])))
        for replica, step in zip(rest.alive[last], rest.steps[last], strict=True):
            self._record.end(Ending(int(replica), int(step), Ended.COMPLETED.value, None))
        return rest.only(np.flatnonzero(~last)) if last.any() else rest

    def _first(
        self, now: Moment, trail: list[Moment], before: list[Moment], row: int, reason: str
    ) -> tuple[Moment, Moment | None, str]:
        """The first moment at which this replica passed a limit, the one before it, and the limit."""
        rows = np.asarray([row])
        known = [moment.only(rows) for moment in before]
        for moment in trail:
            alone = moment.only(rows)
            alone = replace(alone, seen=self._potential.predict(alone.frames))
            found = str(self._watch.reasons(alone)[0])
            if found != Ended.COMPLETED.value:
                return alone, known[-1], found
            known.append(alone)
        return now.only(rows), known[-1] if known else None, reason

    def _end(self, here: Moment, before: Moment | None, reason: str) -> None:
        proposed = None
        if reason == Ended.DOUBTFUL:
            proposed = self._record.keep(here)
        elif reason == Ended.RUNAWAY and before is not None:
            proposed = self._record.keep(before)
        self._record.end(Ending(int(here.alive[0]), int(here.steps[0]), reason, proposed))
