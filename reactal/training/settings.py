"""How a member is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal, final, get_args

import torch

from reactal.chem import Frames
from reactal.learning import Callback, Precision
from reactal.potentials.architecture import Architecture
from reactal.potentials.baseline import Baseline

__all__ = ["HEADS", "SQUARED", "TRANSFERS", "Continual", "Pair", "TrainerWords", "TrainingSettings", "Transfer"]

Pair = tuple[float, float]  # of energy and forces
SQUARED: Pair = (math.inf, math.inf)
HEADS = ("outnet.", "others.", "aside.")  # how the parameters of a network's heads begin
Transfer = Literal["full", "features", "gradual", "adapters"]
TRANSFERS: tuple[Transfer, ...] = get_args(Transfer)


@final
@dataclass(frozen=True)
class Continual:
    """How a training that starts from earlier weights treats the rows that those were trained on.

    `none`: all rows alike. `replay`: `share` of each batch is drawn from old rows, the `buffer` newest of them (0: from all).
    `distil`: the same, with what the weights to start from predict for labels of the old rows (learning without forgetting).
    `ewc`: new rows alone, and each weight is held where it was, by `strength` times the curvature of the loss on the old rows;
    `replay` remembers more and learns more (benchmarks/continual.py).
    """

    kind: Literal["none", "replay", "ewc", "distil"] = "none"
    share: float = 0.5
    buffer: int = 0
    strength: float = 1000.0

    @property
    def replayed(self) -> float:
        """The share of old rows in a batch."""
        return self.share if self.kind in ("replay", "distil") else 0.0


@final
@dataclass(frozen=True)
class TrainerWords:
    """What Lightning's Trainer is told. `profiler: simple` tells where the time went, `detect_anomaly` which operation's slope is
    no number, at the price of several times the time.

    The `precision` alone changes numbers. With `bf16-mixed` the network's products are of bfloat16, and atoms' energies are
    added up in single precision all the same; `64-true` trains in double precision, and the weights are kept in single.
    """

    profiler: Literal["none", "simple"] = "none"
    detect_anomaly: bool = False
    # not in the digest of a training, which was the same before there were any
    precision: Precision = field(default="32-true", repr=False)
    callbacks: tuple[Callback, ...] = field(default=(), repr=False)


@final
@dataclass(frozen=True)
class TrainingSettings:
    """Lengths in optimiser steps, energies in eV, forces in eV/angstrom.

    The loss of a structure is energy_weight * dE^2 + force_weight * mean dF^2; with `huber` errors beyond huber_energy and
    huber_force (of an atom's force) count linearly. It counts 1 / (1 + (F / force_scale)^2), F its largest force, times its
    `weight` column, where a label of doubtful quality has little. The defaults come from eleven reactions tried by hand.
    """

    architecture: Architecture = field(default_factory=Architecture)
    prior_reach: float = 0.75
    baseline: Baseline | None = None  # a cheap method whose energies and forces need not be learnt
    steps_first: int = 500
    steps_warm: int = 250
    learning_rate_first: float = 3e-3
    learning_rate_warm: float = 1.5e-3
    learning_rate_end: float = 1e-5
    weight_decay: float = 1e-2
    warmup: int = 50
    gradient_clip: float = 5.0
    ema_decay: float = 0.99
    batch: int = 10
    energy_weight: float = 1.0
    force_weight: float = 1.0
    loss: Literal["squared", "huber"] = "squared"
    huber_energy: float = 0.2
    huber_force: float = 1.0
    force_scale: float = 8.0
    validation_share: float = 0.08
    validation_from: int = 20  # rows; with fewer, every row is trained on
    validate_every: int = 50
    bootstrap: bool = False
    threads: int = 1
    restarts: int = 3
    trace_from: int = 200  # steps; fewer do not repay the second that a trace of the step takes
    processes: int = 1  # that train one member together, each on its share of every batch
    stacked: Literal[True, False, "never"] = (
        False  # all members as one network with stacks of weights; False: on a single GPU alone
    )
    compile_from: int = 20_000  # steps that repay some twenty seconds of compiling; 0: never
    buckets: int = 3  # shapes that batches of mixed sizes are filled up to, each traced once; 0: such batches are not traced
    stream_from: int = 100_000  # rows; so many are read from files while training, and fewer held in memory
    continual: Continual = Continual()
    # features: the representation stays as it was; gradual: layer after layer begins to learn; adapters: small layers beside do
    transfer: Transfer = "full"
    adapter_rank: int = 4
    representation_rate: float = 1.0  # times the learning rate of the head
    trainer: TrainerWords = TrainerWords()
    checkpoint_steps: int = 0  # after how many a job that names a place for it keeps its state; 0: never
    device: str = field(default="cpu", repr=False)  # as `device_of` knows them; a killed member may go on elsewhere

    @property
    def loss_weights(self) -> tuple[float, float]:
        """Of energy and forces."""
        return self.energy_weight, self.force_weight

    @property
    def loss_widths(self) -> Pair:
        """Of energy and forces: beyond these errors count linearly."""
        return SQUARED if self.loss == "squared" else (self.huber_energy, self.huber_force)

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and batches."""
        return torch.float64 if self.trainer.precision == "64-true" else torch.float32

    @property
    def mixed(self) -> bool:
        """Whether the network's products are of half the precision."""
        return self.trainer.precision == "bf16-mixed"

    def for_transfer(self) -> TrainingSettings:
        """For the first training that starts from a model of elsewhere: as long as one from scratch, and no row is old to it."""
        return replace(self, steps_warm=self.steps_first, continual=Continual())

    def left_of(self, frames: Frames) -> Frames:
        """The structures with what is left to learn for labels."""
        return frames if self.baseline is None else self.baseline.less(frames)

    def steps(self, *, warm: bool) -> int:
        return self.steps_warm if warm else self.steps_first

    def learning_rate(self, *, warm: bool) -> float:
        return self.learning_rate_warm if warm else self.learning_rate_first
