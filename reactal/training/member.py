"""Training of one member: a pure function of its job, fit to be run anywhere."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from reactal.training.fold import held_out_rows
from reactal.training.gradient import LossGradient, eager_gradient, traced_gradient
from reactal.training.module import CurvePoint, Diverged, MemberModule, Progress
from reactal.training.settings import TrainingSettings

__all__ = ["MemberJob", "TrainedMember", "run_job", "train_member"]

Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class TrainedMember:
    """Weights as `Member.to_bytes` wrote them; the validation curve; the rows (of the labelled frames) that were held out;
    how often training was started again after it diverged; wall seconds."""

    weights: bytes
    curve: tuple[CurvePoint, ...]
    held_out: tuple[int, ...]
    restarts: int
    seconds: float

    @property
    def best(self) -> CurvePoint:
        """The point of the curve whose weights these are."""
        return min(self.curve, key=lambda point: (point.validation_loss, -point.step))


@final
@dataclass(frozen=True)
class MemberJob:
    """All that a member's training depends on, in a form that travels: what is to be learnt, labels less the settings'
    baseline, as an Arrow stream."""

    rest: bytes
    settings: TrainingSettings
    seed: int
    warm_start: bytes | None = None

    @classmethod
    def of(cls, rest: Frames, settings: TrainingSettings, *, seed: int, warm_start: bytes | None = None) -> MemberJob:
        table = rest.to_arrow()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return cls(sink.getvalue().to_pybytes(), settings, seed, warm_start)


def run_job(job: MemberJob) -> TrainedMember:
    """Train the member that the job describes."""
    with pa.ipc.open_stream(job.rest) as reader:
        rest = Frames.from_arrow(reader.read_all())
    return _train(rest, job.settings, seed=job.seed, warm_start=job.warm_start)


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
    rest: Frames, settings: TrainingSettings, *, seed: int, warm_start: bytes | None, progress: Progress | None = None
) -> TrainedMember:
    """As `train_member`, on labels that the baseline was taken from."""
    began = time.perf_counter()
    frames = rest[np.flatnonzero(rest.labelled)]
    if not len(frames):
        raise TooFewLabels("there is no labelled structure to train on; label some first")
    start = None if warm_start is None else _start(warm_start, settings)
    references = References.fit(frames, known=start and start.references)
    fold = seed if start is None else start.fold
    with torch_threads(settings.threads):
        data = TrainingSet.of(frames, settings, references)
        held_out = held_out_rows(frames, settings, fold=fold)
        stream = _Stream(data, held_out, settings, steps=settings.steps(warm=warm_start is not None), seed=seed)
        for attempt in range(settings.restarts + 1):
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
            )
            try:
                _fit(module, stream)
            except Diverged as reason:
                last = reason
                continue
            member = Member(module.finish(), references, ScreenedRepulsion(settings.prior_reach), fold, settings.baseline)
            seconds = time.perf_counter() - began
            return TrainedMember(member.to_bytes(), tuple(module.curve), tuple(held_out.tolist()), attempt, seconds)
    raise TrainingDiverged(
        f"training on {len(frames)} structures diverged {settings.restarts + 1} times ({last}); look for absurd labels, "
        f"or lower the learning rate from {settings.learning_rate(warm=warm_start is not None):g}"
    )


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

    def __iter__(self) -> Iterator[TrainingBatch]:
        rng = np.random.default_rng(self._seed)
        rows = rng.choice(self._rows, len(self._rows)) if self._settings.bootstrap else self._rows
        for chosen in shuffled(rows, size=self._settings.batch, steps=self.steps, rng=rng):
            yield self.data.batch(chosen)


def _gradient(network: EnergyNetwork, stream: _Stream, settings: TrainingSettings) -> LossGradient:
    if not stream.data.uniform or stream.steps < settings.trace_from:
        return eager_gradient(network, weights=settings.loss_weights)
    with _quiet():
        return traced_gradient(network, next(iter(stream)), weights=settings.loss_weights)


def _fit(module: MemberModule, stream: _Stream) -> None:
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
