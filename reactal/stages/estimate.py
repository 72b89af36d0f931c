"""What a campaign will take and cost, before it is run or while it is: from its file, the labels of the store, and prices.

Everything is a range. Its lower end is a campaign that is verified in the fewest rounds the file allows, its upper end one that
spends its budget. A label's time is that of the cost model where the store has labels of the theory, else a guess that may be off
by GUESS. Training and exploration are counted in steps, at a time a step that follows the campaign's own where it has trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from reactal.campaign.state import CampaignState
from reactal.config import CampaignConfig
from reactal.prices import GpuMachine, Prices, WorkMachine

__all__ = ["LabelTime", "Part", "Range", "Work", "charged", "work"]

KNOWN, GUESS = 1.5, 10.0  # by which a label's time may be off, with labels of the theory in the store and without
STEP_S = 0.010  # of one network of 32 features and 3 interactions on a core, a batch of 10 structures of 6 atoms
STEP_OFF, OWN_OFF = 3.0, 1.3  # by which that may be off, and the campaign's own time a step
ROUND_S = 6.0  # of exploration on a core, for 8 replicas of 100 steps, a band and a saddle of 6 atoms, a committee of 4
LABEL_BYTES, ATOM_BYTES = 1500, 90  # of a stored label
NETWORK_BYTES = 260_000  # of 32 features; in proportion to their square
WRITES, READS = 4, 6  # of the store a label: claim, label, release, its share of pools and journal
RELAXED = 5  # steps that an end takes at least
MONTHS = 1.0  # for which what was made is stored


@final
@dataclass(frozen=True)
class Range:
    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Range | float) -> Range:
        low, high = (other.low, other.high) if isinstance(other, Range) else (other, other)
        return Range(self.low * low, self.high * high)

    def off(self, factor: float) -> Range:
        """Uncertain by a factor to both sides."""
        return Range(self.low / factor, self.high * factor)


@final
@dataclass(frozen=True)
class LabelTime:
    """Wall seconds of one label, and how many labels say so; 0: nobody does."""

    seconds: float
    known: int

    @property
    def range(self) -> Range:
        return Range(self.seconds, self.seconds).off(KNOWN if self.known else GUESS)


@final
@dataclass(frozen=True)
class Work:
    """What is still to be done."""

    labels: Range
    rounds: Range
    label_core_hours: Range
    training_core_hours: Range
    exploration_core_hours: Range
    wall_hours: Range
    stored_gib: Range
    writes: Range
    reads: Range


@final
@dataclass(frozen=True)
class Part:
    """A line of the estimate: so much of something, and what it costs on demand and on spot."""

    name: str
    amount: Range
    unit: str
    on_demand: Range
    spot: Range


def work(config: CampaignConfig, state: CampaignState, label: LabelTime, *, slots: int) -> Work:
    """What the campaign has ahead of it where `slots` labels are computed side by side."""
    atoms = len(config.ends[0])
    labels, rounds = _labels(config, state), _rounds(config, state)
    threads = config.resources.threads_for(atoms)
    label_hours = labels * label.range * (threads / 3600.0)
    training = _training(config, state, rounds, atoms) * (1 / 3600.0)
    exploring = _exploring(config, state, rounds, atoms) * (1 / 3600.0)
    batch = min(slots, config.selection.focus_batch)  # no more of a batch at once than it has
    members = min(slots, config.model.networks)
    model_bytes = NETWORK_BYTES * (config.model.features / 32) ** 2 * config.model.networks
    return Work(
        labels=labels,
        rounds=rounds,
        label_core_hours=label_hours,
        training_core_hours=training,
        exploration_core_hours=exploring,
        wall_hours=labels * label.range * (1 / 3600.0 / batch) + training * (1 / members) + exploring,
        stored_gib=(labels * float(LABEL_BYTES + ATOM_BYTES * atoms) + rounds * float(2 * model_bytes)) * (1 / 2**30),
        writes=labels * float(WRITES) + rounds * 20.0,
        reads=labels * float(READS) + rounds * 40.0,
    )


def charged(todo: Work, prices: Prices, *, gpu: bool) -> tuple[Part, ...]:
    """What that costs, line by line, the sum last. A part that never runs on spot costs the same in both."""
    core = prices.labels.hour / prices.labels.cores
    parts = [_bought("labels", todo.label_core_hours, "core-h", core, prices.labels)]
    for name, hours in (("training", todo.training_core_hours), ("exploration", todo.exploration_core_hours)):
        if gpu:
            parts.append(_on_gpu(name, hours, prices.training))
        else:
            parts.append(_bought(name, hours, "core-h", core, prices.labels))
    always = [("driver", prices.driver.hour), ("services", prices.services.hour)]
    parts += [_kept(name, todo.wall_hours, "h", todo.wall_hours * price) for name, price in always]
    stored, store = todo.stored_gib * MONTHS, prices.storage
    parts.append(_kept("storage", stored, "GiB-months", stored * store.gib_month))
    requests = todo.writes * (store.thousand_writes / 1000) + todo.reads * (store.thousand_reads / 1000)
    parts.append(_kept("requests", todo.writes + todo.reads, "requests", requests))
    return (*parts, _sum(parts))


def _labels(config: CampaignConfig, state: CampaignState) -> Range:
    """Still to be asked for."""
    left = max(config.budget.labels - (state.labels_asked - state.labels_before), 0)
    if state.outcome is not None:
        return Range(0.0, 0.0)
    seeding = min(2 * RELAXED, 2 * config.seeding.relax_steps) + config.seeding.images - 2
    verifying = config.verification.consecutive * config.selection.focus_batch + config.verification.proof
    fewest = verifying + (0 if state.seeded else seeding) if state.iteration == 0 else config.selection.focus_batch
    return Range(float(min(fewest, left)), float(left))


def _rounds(config: CampaignConfig, state: CampaignState) -> Range:
    """Trainings with an exploration after each."""
    labels = _labels(config, state)
    if labels.high == 0:
        return Range(0.0, 0.0)
    return Range(float(config.verification.consecutive), max(2.0, math.ceil(labels.high / config.selection.focus_batch)))


def _training(config: CampaignConfig, state: CampaignState, rounds: Range, atoms: int) -> Range:
    """Core seconds."""
    networks, training = config.model.networks, config.training
    first = 0 if state.iteration else max(training.steps_first - training.steps_warm, 0)
    steps = Range(rounds.low * training.steps_warm + first, rounds.high * training.steps_warm + first) * float(networks)
    if state.iteration:
        done = networks * (training.steps_first + (state.iteration - 1) * training.steps_warm)
        own = state.seconds.get("trained", 0.0) / max(done, 1)
        return steps * Range(own, own).off(OWN_OFF)
    size = (atoms / 6) * (config.model.features / 32) * (config.model.interactions / 3) * (training.batch / 10)
    seconds = STEP_S * max(size, 0.5)  # small ones are bound by what a step costs without any work
    return steps * Range(seconds, seconds).off(STEP_OFF)


def _exploring(config: CampaignConfig, state: CampaignState, rounds: Range, atoms: int) -> Range:
    """Core seconds."""
    if state.explorations:
        own = state.seconds.get("explored", 0.0) / len(state.explorations)
        return rounds * Range(own, own).off(OWN_OFF)
    exploration, model = config.exploration, config.model
    steps = exploration.replicas * exploration.dynamics_fs / exploration.timestep / 800
    steps += _scheduled(config) / exploration.timestep / 800
    size = (atoms / 6) * (model.features / 32) * (model.networks / 4)
    seconds = ROUND_S * max(size, 0.5) * (0.5 + 0.5 * steps)  # half of it is the band and the saddle
    return rounds * Range(seconds, seconds).off(STEP_OFF)


def _scheduled(config: CampaignConfig) -> float:
    """Femtoseconds of all replicas of the explorers' schedule in a round."""
    lengths: Sequence[float] = [line.length for line in config.explorers.schedule]
    return config.explorers.replicas * sum(lengths) / len(lengths) if lengths else 0.0


def _bought(name: str, amount: Range, unit: str, price: float, machine: WorkMachine) -> Part:
    """On spot an interruption costs its machine half an hour here: to come again, and a label at most for each slot."""
    on_demand = amount * price
    again = Range(1.0, 1.0 + machine.interruptions_an_hour[1] / 2)
    return Part(name, amount, unit, on_demand, on_demand * Range(*machine.spot_share) * again)


def _on_gpu(name: str, core_hours: Range, machine: GpuMachine) -> Part:
    slow, fast = machine.times_a_core
    return _bought(name, Range(core_hours.low / fast, core_hours.high / slow), "GPU-h", machine.hour, machine)


def _kept(name: str, amount: Range, unit: str, price: Range) -> Part:
    return Part(name, amount, unit, price, price)


def _sum(parts: Sequence[Part]) -> Part:
    nothing = Range(0.0, 0.0)
    return Part("all", nothing, "", sum((p.on_demand for p in parts), nothing), sum((p.spot for p in parts), nothing))
