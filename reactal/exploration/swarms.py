"""A swarm of replicas by the name of its method: from starting frames and a committee to a pool of candidates on disk."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, final, get_args

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.biases import Bias, Sphere, Spring, coordinates
from reactal.exploration.collective import CollectiveVariable, measured, parsed, proposed
from reactal.exploration.doubt import TowardsDoubt
from reactal.exploration.dynamics import Exchange, Plan, simulate
from reactal.exploration.exchange import TemperatureExchange, ladder
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.metadynamics import Hills, Metadynamics, Tempering
from reactal.exploration.moment import Moment
from reactal.exploration.motion import Motion
from reactal.exploration.outcome import refuse_unfit
from reactal.exploration.recording import Ending, Memory, Record, Stream
from reactal.exploration.replicas import Replicas
from reactal.exploration.thermostats import Isolated, Langevin, Rescaling, Thermostat
from reactal.explorers import METHODS, Method
from reactal.potentials.driving import DrivenCommittee
from reactal.progress import NoProgress, Progress

__all__ = ["Swarm", "SwarmSettings", "Thermal"]

Floats = NDArray[np.float64]
Thermal = Literal["langevin", "rescaling", "nve"]
ON_VARIABLES: tuple[Method, ...] = ("metadynamics", "umbrella", "steered")
HILLS = "hills.json"
TICK = 50  # looks between two lines of progress


@final
@dataclass(frozen=True)
class SwarmSettings:
    """How many replicas run how long, and what drives them. Times in fs, temperatures in K, energies in eV.

    `check_every` steps the whole committee is looked at, and every `keep` fs a frame is kept. `variables` are texts of
    `collective.parsed`; none: proposed from the bonds that differ between the first and the last starting frame. `span` is
    where umbrella windows lie and steered replicas are led; none: between the starting frames' values.
    """

    method: Method = "dynamics"
    replicas: int = 32
    batch: int | None = None
    length: float = 500.0
    timestep: float = 0.5
    temperature: float = 300.0
    hottest: float = 900.0
    rungs: int = 4
    thermostat: Thermal = "langevin"
    check_every: int = 10
    keep: float = 10.0
    seed: int = 0
    variables: tuple[str, ...] = ()
    width: float = 0.1
    height: float = 0.03
    pace: float = 25.0
    factor: float = 10.0
    span: tuple[float, float] | None = None
    stiffness: float = 5.0
    sphere: float | None = None
    fixed: tuple[int, ...] = ()
    guards: Guards = field(default_factory=Guards)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"there is no method {self.method!r}; write one of: {', '.join(METHODS)}")
        if self.thermostat not in get_args(Thermal):
            raise InputError(f"there is no thermostat {self.thermostat!r}; write one of: {', '.join(get_args(Thermal))}")
        if min(self.replicas, self.rungs) < 1 or not (self.length > 0 and self.timestep > 0 and self.keep > 0 and self.pace > 0):
            raise InputError("a swarm needs a replica at least, and a length, a time step and intervals above 0 fs")
        if self.thermostat == "nve" and self.method == "exchange":
            raise InputError("temperatures are exchanged between baths; take the thermostat langevin or rescaling, not nve")

    @property
    def plan(self) -> Plan:
        """In steps; lengths and intervals are rounded up to whole looks."""
        every = 1 if self.method == "uncertainty" else self.check_every

        def whole(time: float) -> int:
            return max(1, math.ceil(round(time / self.timestep / every, 6))) * every

        return Plan(whole(self.length), whole(self.keep), every, self.batch)

    @property
    def bath(self) -> Thermostat:
        kinds: dict[Thermal, Thermostat] = {"langevin": Langevin(), "rescaling": Rescaling(), "nve": Isolated()}
        return kinds[self.thermostat]

    @property
    def baths(self) -> Floats:
        """Temperatures (n,)."""
        if self.method != "exchange":
            return np.full(self.replicas, self.temperature)
        return np.resize(ladder(self.temperature, self.hottest, self.rungs), self.replicas)


@final
class Swarm:
    """Ready to run. `InputError` where the settings do not fit the frames or the model cannot be used."""

    def __init__(
        self,
        potential: DrivenCommittee,
        starts: Frames,
        settings: SwarmSettings,
        *,
        inherited: Hills | None = None,
        ends: Frames | None = None,
    ) -> None:
        """`ends`: the two between which variables are proposed; without them the first and the last starting frame."""
        if not len(starts):
            raise InputError("there is no frame to start from; give one geometry at least")
        self.settings, self.plan = settings, settings.plan
        refuse_unfit(potential, starts)
        frames = starts[np.arange(settings.replicas) % len(starts)]
        self.replicas = Replicas.of(
            frames,
            temperatures=settings.baths,
            timesteps=settings.timestep,
            seed=settings.seed,
            fixed=_fixed(frames, settings.fixed),
        )
        self.potential: DrivenCommittee | TowardsDoubt = potential
        self.variables = _variables(starts if ends is None else ends, settings)
        self.metadynamics: Metadynamics | None = None
        self.biases: list[Bias] = [Sphere(settings.sphere)] if settings.sphere else []
        if settings.method == "uncertainty":
            towards = TowardsDoubt(potential)
            self.potential = towards
            self.biases.append(towards)
        elif settings.method == "metadynamics":
            self.metadynamics = self._hills(inherited)
            self.biases.append(self.metadynamics)
        elif self.variables:
            self.biases.append(self._springs(starts if ends is None else ends))
        self.exchange: TemperatureExchange | None = None
        if settings.method == "exchange":
            rows = range(settings.replicas)
            ladders = [list(rows[i : i + settings.rungs]) for i in rows[:: settings.rungs]]
            pace = max(1, round(settings.pace / settings.timestep / self.plan.check_every)) * self.plan.check_every
            self.exchange = TemperatureExchange(ladders, pace=pace, rng=np.random.default_rng(settings.seed))

    def key(self, model: str) -> str:
        """Names the run: the settings, the starts and the model, by its name or the hash of its weights."""
        said = {**asdict(self.settings), "starts": self.replicas.frames.keys(), "model": model}
        return hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()

    def run(self, folder: Path, *, key: str, progress: Progress | None = None) -> tuple[Frames, tuple[Ending, ...]]:
        """To the end, or on from where a run with the same key was killed: its frames lie in `folder`. Frames by replica and
        step with the columns `replica`, `step`, `temperature`, `disagreement`, `proposed` (worth a label), and the endings."""
        record = Stream(folder, key=key)
        if self.metadynamics is not None and (folder / HILLS).is_file():
            self.metadynamics.hills = Hills.read(folder / HILLS)
        watch = _Told(self, record, folder, progress or NoProgress())
        self._simulate(record, watch, ended=frozenset(record.ended))
        watch.save()
        return _marked(record.frames(), record.endings()), record.endings()

    def met(self) -> Frames:
        """The same frames, in memory, without the columns."""
        record = Memory()
        self._simulate(record, self.exchange)
        return replace(record.frames(), extra={})

    def _simulate(self, record: Record, exchange: Exchange | None, *, ended: frozenset[int] = frozenset()) -> None:
        simulate(
            self.potential,
            self.replicas,
            plan=self.plan,
            thermostat=self.settings.bath,
            guards=self.settings.guards,
            biases=self.biases,
            exchange=exchange,
            record=record,
            ended=ended,
        )

    def finish(self, folder: Path) -> None:
        """The pool is written; what was kept on the way goes."""
        (folder / HILLS).unlink(missing_ok=True)
        for file in folder.glob("part-*"):
            file.unlink()
        folder.rmdir()

    def _hills(self, inherited: Hills | None) -> Metadynamics:
        rule, every = self.settings, self.plan.check_every
        hills = inherited or Hills.none(np.full(len(self.variables), rule.width))
        pace = max(1, round(rule.pace / rule.timestep / every)) * every
        return Metadynamics(self.variables, hills, Tempering(rule.height, pace, rule.factor, rule.temperature))

    def _springs(self, starts: Frames) -> Spring:
        """Windows, or ways to them, evenly over the span of the first variable; the others' windows lie where replicas begin."""
        values, _ = measured(self.variables, coordinates(self.replicas.frames))
        known, _ = measured(self.variables[:1], coordinates(starts))
        low, high = self.settings.span or (float(known.min()), float(known.max()))
        if not high > low:
            raise InputError("the starting frames all have one value of the collective variable; give the span of the windows")
        goals = values.copy()
        goals[:, 0] = np.linspace(low, high, self.settings.replicas) if self.settings.replicas > 1 else high
        stiffness = np.full(len(self.variables), self.settings.stiffness)
        # a window far from where its replica begins is approached, not jumped to
        share = 1.0 if self.settings.method == "steered" else 0.2
        return Spring(self.variables, stiffness, values, to=goals, over=max(1, round(share * self.plan.steps)))


@final
class _Told:
    """Between looks: exchanges, progress, and the hills so far beside the frames."""

    def __init__(self, swarm: Swarm, record: Stream, folder: Path, progress: Progress) -> None:
        self._swarm, self._record, self._folder, self._progress = swarm, record, folder, progress
        self._exchange: Exchange | None = swarm.exchange
        self._looks = 0

    def between(self, now: Moment, motion: Motion) -> None:
        if self._exchange is not None:
            self._exchange.between(now, motion)
        self._looks += 1
        if self._looks % TICK == 0:
            ended = self._record.ended
            done = len(ended) * self._swarm.plan.steps + int(now.steps.sum())
            left = sum(ending.reason == Ended.DOUBTFUL for ending in ended.values())
            self._progress.update(done, {"running": len(now), "left the trust region": left})
            if self._looks % (10 * TICK) == 0:
                self.save()

    def save(self) -> None:
        """What there is so far, to disk."""
        self._record.flush()
        if self._swarm.metadynamics is not None:
            unfinished = self._folder / f"{HILLS}.unfinished"
            unfinished.write_text(self._swarm.metadynamics.hills.to_json(), encoding="utf-8")
            unfinished.replace(self._folder / HILLS)


def _variables(starts: Frames, settings: SwarmSettings) -> tuple[CollectiveVariable, ...]:
    if settings.method not in ON_VARIABLES:
        return ()
    coordinates(starts)  # of one molecule
    if settings.variables:
        return tuple(parsed(text, starts.structure(0)) for text in settings.variables)
    return (proposed(starts.structure(0), starts.structure(len(starts) - 1)),)


def _fixed(frames: Frames, atoms: Sequence[int]) -> NDArray[np.bool_]:
    within = np.arange(len(frames.numbers)) - np.repeat(frames.offsets[:-1], frames.sizes)
    smallest = int(frames.sizes.min())
    if atoms and not 0 <= min(atoms) <= max(atoms) < smallest:
        raise InputError(f"fixed atoms count from 0 to {smallest - 1} here, not to {max(atoms)}")
    return np.isin(within, atoms)


def _marked(frames: Frames, endings: Sequence[Ending]) -> Frames:
    """With what each doubtful or runaway replica proposes."""
    worth = {(e.replica, e.step - (e.reason == Ended.RUNAWAY)) for e in endings if e.proposed is not None}
    pairs = zip(frames.extra["replica"].tolist(), frames.extra["step"].tolist(), strict=True) if len(frames) else ()
    return frames.with_extra(proposed=np.asarray([pair in worth for pair in pairs], dtype=bool))
