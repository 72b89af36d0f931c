"""Training of one member: a pure function of its job, fit to be run anywhere."""

from __future__ import annotations

import hashlib
import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import final

import numpy as np
import pyarrow as pa
import pytorch_lightning as lightning
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.errors import ConfigError, TooFewLabels, TrainingDiverged
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import EnergyNetwork, build_network
from reactal.potentials.threads import torch_threads
from reactal.potentials.weights import Member
from reactal.training.batches import TrainingBatch, TrainingSet, shuffled
from reactal.training.checkpoint import CheckpointPlace, Checkpoints, TrainingState
from reactal.training.fold import held_out_rows
from reactal.training.gradient import LossGradient, eager_gradient, traced_gradient
from reactal.training.module import CurvePoint, Diverged, MemberModule, Memory, Progress
from reactal.training.settings import TrainingSettings

__all__ = ["MemberJob", "TrainedMember", "run_job", "train_member"]

Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class TrainedMember:
    """Weights as `Member.to_bytes` wrote them; the validation curve; the rows (of the labelled frames) that were held out;
    how often training was started again after it diverged; wall seconds; what is worth telling of checkpoints."""

    weights: bytes
    curve: tuple[CurvePoint, ...]
    held_out: tuple[int, ...]
    restarts: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> CurvePoint:
        """The point of the curve whose weights these are."""
        return min(self.curve, key=lambda point: (point.validation_loss, -point.step))


@final
@dataclass(frozen=True)
class MemberJob:
    """All that a member's training depends on, in a form that travels: what is to be learnt, labels less the settings'
    baseline, as an Arrow stream. `checkpoints`: where it keeps its state, if its settings say that it does."""

    rest: bytes
    settings: TrainingSettings
    seed: int
    warm_start: bytes | None = None
    checkpoints: CheckpointPlace | None = None

    @classmethod
    def of(
        cls,
        rest: Frames,
        settings: TrainingSettings,
        *,
        seed: int,
        warm_start: bytes | None = None,
        checkpoints: CheckpointPlace | None = None,
    ) -> MemberJob:
        table = rest.to_arrow()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return cls(sink.getvalue().to_pybytes(), settings, seed, warm_start, checkpoints)

    @property
    def digest(self) -> str:
        """Of everything that decides the weights."""
        parts = (repr(replace(self.settings, checkpoint_steps=0)).encode(), b"%d" % self.seed, self.rest, self.warm_start or b"")
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def run_job(job: MemberJob, *, progress: Progress | None = None) -> TrainedMember:
    """Train the member that the job describes, from where an earlier run of the same job was killed."""
    with pa.ipc.open_stream(job.rest) as reader:
        rest = Frames.from_arrow(reader.read_all())
    kept = job.checkpoints is not None and job.settings.checkpoint_steps
    checkpoints = Checkpoints(job.checkpoints, job.digest) if job.checkpoints is not None and kept else None
    return _train(rest, job.settings, seed=job.seed, warm_start=job.warm_start, progress=progress, checkpoints=checkpoints)


def train_member(
    frames: Frames,
    settings: TrainingSettings,
    *,
    seed: int,
    warm_start: bytes | None = None,
    progress: Progress | None = None,
) -> TrainedMember:
    """Train on the labelled frames, from the seed or on from earlier weights.

    The same arguments give bitwise the same weights on the same kind of machine. A member whose loss diverges starts again with
    half the learning rate.
    """
    return _train(settings.left_of(frames), settings, seed=seed, warm_start=warm_start, progress=progress)


def _train(
    rest: Frames,
    settings: TrainingSettings,
    *,
    seed: int,
    warm_start: bytes | None,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainedMember:
    """As `train_member`, on labels that the baseline was taken from."""
    began = time.perf_counter()
    frames = rest[np.flatnonzero(rest.labelled)]
    if not len(frames):
        raise TooFewLabels("there is no labelled structure to train on; label some first")
    start = None if warm_start is None else _start(warm_start, settings)
    references = References.fit(frames, known=start and start.references)
    fold = seed if start is None else start.fold
    state, notes = (None, ()) if checkpoints is None else _found(checkpoints)
    with torch_threads(settings.threads):
        data = TrainingSet.of(frames, settings, references)
        held_out = held_out_rows(frames, settings, fold=fold)
        stream = _Stream(data, held_out, settings, steps=settings.steps(warm=warm_start is not None), seed=seed)
        for attempt in range(0 if state is None else state.attempt, settings.restarts + 1):
            network = (
                build_network(settings.architecture, seed=seed) if warm_start is None else _start(warm_start, settings).network
            )
            module = MemberModule(
                network,
                settings,
                gradient=_gradient(network, stream, settings),
                steps=stream.steps,
                learning_rate=settings.learning_rate(warm=warm_start is not None) / 2**attempt,
                fold=data.batch(held_out) if len(held_out) else None,
                progress=progress,
                before=None if state is None or state.attempt != attempt else (state.step, state.tensors, state.memory),
                keep=None if checkpoints is None else partial(_keep, checkpoints, attempt),
            )
            try:
                _fit(module, stream.after(module.done))
            except Diverged as reason:
                last = reason
                continue
            member = Member(module.finish(), references, ScreenedRepulsion(settings.prior_reach), fold, settings.baseline)
            seconds = time.perf_counter() - began
            return TrainedMember(member.to_bytes(), tuple(module.curve), tuple(held_out.tolist()), attempt, seconds, notes)
    raise TrainingDiverged(
        f"training on {len(frames)} structures diverged {settings.restarts + 1} times ({last}); look for absurd labels, "
        f"or lower the learning rate from {settings.learning_rate(warm=warm_start is not None):g}"
    )


def _found(checkpoints: Checkpoints) -> tuple[TrainingState | None, tuple[str, ...]]:
    """Where to go on, and what there is to tell of it."""
    state, notes = checkpoints.newest()
    if state is not None:
        return state, (*notes, f"training went on from step {state.step}")
    return None, (*notes, "training started anew") if notes else ()


def _keep(checkpoints: Checkpoints, attempt: int, memory: Memory) -> None:
    checkpoints.keep(TrainingState(checkpoints.job, attempt, *memory))


def _start(weights: bytes, settings: TrainingSettings) -> Member:
    """Read anew for each attempt: training changes the network in place."""
    member = Member.from_bytes(weights, name="the weights to start from")
    found, wanted = member.network.architecture, settings.architecture
    if found != wanted:
        raise ConfigError(f"the weights to start from are of {found}, not of {wanted}; train from scratch")
    if member.baseline != settings.baseline:
        raise ConfigError(f"the weights to start from are on {member.baseline}, not on {settings.baseline}; train from scratch")
    return member


@final
class _Stream:
    """The batches of one training, made when asked for. Lightning takes any iterable for its loader."""

    def __init__(self, data: TrainingSet, held_out: Ints, settings: TrainingSettings, *, steps: int, seed: int) -> None:
        self.data, self.steps, self._settings, self._seed = data, steps, settings, seed
        self._rows = np.setdiff1d(np.arange(len(data)), held_out)
        self._done = 0

    def after(self, done: int) -> _Stream:
        """The same batches without the first `done`."""
        rest = copy(self)
        rest._done = done
        return rest

    def __iter__(self) -> Iterator[TrainingBatch]:
        rng = np.random.default_rng(self._seed)
        rows = rng.choice(self._rows, len(self._rows)) if self._settings.bootstrap else self._rows
        for chosen in islice(shuffled(rows, size=self._settings.batch, steps=self.steps, rng=rng), self._done, None):
            yield self.data.batch(chosen)


def _gradient(network: EnergyNetwork, stream: _Stream, settings: TrainingSettings) -> LossGradient:
    weights, widths = settings.loss_weights, settings.loss_widths
    if not stream.data.uniform or stream.steps < settings.trace_from:
        return eager_gradient(network, weights=weights, widths=widths)
    with _quiet():
        return traced_gradient(network, next(iter(stream)), weights=weights, widths=widths)


def _fit(module: MemberModule, stream: _Stream) -> None:
    if module.done == module.steps:
        return  # it was killed, or its answer was lost, after its last step
    with _quiet():
        trainer = lightning.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=1,  # the stream ends by itself
            barebones=True,  # no logger, no checkpoints, no bar: they cost more than the training of a small molecule
        )
        trainer.fit(module, train_dataloaders=stream)


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning tells of devices and tips on every start, which buries a campaign's own progress."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
