"""Training of one member: a pure function of its job, fit to be run anywhere."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, final

import numpy as np
import pyarrow as pa
import pytorch_lightning as lightning
import torch

from reactal.chem import Frames
from reactal.errors import ConfigError, TooFewLabels, TrainingDiverged
from reactal.potentials.device import CPU, device_of
from reactal.potentials.quiet import quiet
from reactal.potentials.schnetpack import EnergyNetwork, build_network
from reactal.potentials.threads import torch_threads
from reactal.potentials.weights import Member
from reactal.training.batches import TrainingBatch
from reactal.training.buckets import replayed
from reactal.training.checkpoint import CheckpointPlace, Checkpoints, TrainingState
from reactal.training.compiled import NotCompiled
from reactal.training.continual import held_back
from reactal.training.frugal import FrugalGradient
from reactal.training.gradient import LossGradient, eager_gradient, traced_gradient
from reactal.training.lesson import Lesson
from reactal.training.module import CurvePoint, Diverged, MemberModule, Memory, Progress
from reactal.training.ranks import World, ranks
from reactal.training.settings import TrainerWords, TrainingSettings
from reactal.training.shards import StoredRows
from reactal.training.streaming import streamed_lesson
from reactal.training.trainer import BARE, lightning_trainer, products, what_it_tells

__all__ = ["MemberJob", "TrainedMember", "beginning", "fit", "quiet", "run_job", "run_rank", "train_member"]


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


Tell = Callable[[str], None]  # a sentence that is worth telling


class Teach(Protocol):
    """Makes the lesson that follows the weights to start from."""

    def __call__(self, *, start: Member | None) -> Lesson: ...


@final
@dataclass(frozen=True)
class MemberJob:
    """All that a member's training depends on, in a form that travels: what is to be learnt, labels less the settings'
    baseline, as an Arrow stream, or `stored` where it is streamed from. `checkpoints`: where it keeps its state, if its settings
    say that it does. `number` is its place in the committee: where there are several GPUs, the members take them in turn."""

    rest: bytes
    settings: TrainingSettings
    seed: int
    warm_start: bytes | None = None
    checkpoints: CheckpointPlace | None = None
    stored: StoredRows | None = None
    number: int = 0

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
        taught = self.rest if self.stored is None else "|".join(self.stored.names).encode()
        settings, precision = replace(self.settings, checkpoint_steps=0), self.settings.trainer.precision
        parts = [repr(settings).encode(), b"%d" % self.seed, taught, self.warm_start or b""]
        parts += [precision.encode()] if precision != BARE.precision else []
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def run_job(job: MemberJob, *, progress: Progress | None = None) -> TrainedMember:
    """Train the member that the job describes, from where an earlier run of the same job was killed."""
    with ranks(job, job.settings) as world:
        return run_rank(job, world, progress=progress)


def run_rank(job: MemberJob, world: World | None, *, progress: Progress | None = None) -> TrainedMember:
    """This process's part of `run_job`; with no world, all of it."""
    kept = job.checkpoints is not None and job.settings.checkpoint_steps
    checkpoints = Checkpoints(job.checkpoints, job.digest) if job.checkpoints is not None and kept else None
    return _train(
        _teacher(job),
        job.settings,
        seed=job.seed,
        warm_start=job.warm_start,
        progress=progress,
        checkpoints=checkpoints,
        world=world,
        number=job.number,
    )


def _teacher(job: MemberJob) -> Teach:
    if job.stored is not None:
        return partial(streamed_lesson, job.stored, job.settings, seed=job.seed)
    with pa.ipc.open_stream(job.rest) as reader:
        return _in_memory(Frames.from_arrow(reader.read_all()), job.settings, seed=job.seed)


def beginning(job: MemberJob, device: torch.device) -> tuple[Lesson, EnergyNetwork]:
    """What the job's member is taught, and the network as it starts, both on the device."""
    start = None if job.warm_start is None else _start(job.warm_start, job.settings)
    lesson = _teacher(job)(start=start)
    network = build_network(job.settings.architecture, seed=job.seed) if start is None else start.network
    return lesson.on(device), network.to(device, job.settings.dtype)


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
    teach = _in_memory(settings.left_of(frames), settings, seed=seed)
    return _train(teach, settings, seed=seed, warm_start=warm_start, progress=progress)


def _in_memory(rest: Frames, settings: TrainingSettings, *, seed: int) -> Teach:
    """From labels that the baseline was taken from."""
    frames = rest[np.flatnonzero(rest.labelled)]
    if not len(frames):
        raise TooFewLabels("there is no labelled structure to train on; label some first")
    return partial(Lesson.of, frames, settings, seed=seed)


def _train(
    teach: Teach,
    settings: TrainingSettings,
    *,
    seed: int,
    warm_start: bytes | None,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    world: World | None = None,
    number: int = 0,
) -> TrainedMember:
    """As `train_member`, of a lesson that begins with the weights to start from."""
    began = time.perf_counter()
    device = _place(settings, number)
    state, notes = (None, []) if checkpoints is None else _found(checkpoints)
    rate = settings.learning_rate(warm=warm_start is not None)
    with torch_threads(settings.threads):
        lesson = teach(start=None if warm_start is None else _start(warm_start, settings)).on(device)
        lesson = lesson if world is None else world.lesson(lesson, least=settings.architecture.heads)
        for attempt in range(0 if state is None else state.attempt, settings.restarts + 1):
            network = (
                build_network(settings.architecture, seed=seed) if warm_start is None else _start(warm_start, settings).network
            ).to(device, settings.dtype)
            module = MemberModule(
                network,
                settings,
                gradient=_gradient(network, lesson, settings, tell=notes.append, world=world),
                steps=lesson.stream.steps,
                learning_rate=rate / 2**attempt,
                fold=lesson.fold,
                progress=progress,
                before=None if state is None or state.attempt != attempt else (state.step, state.tensors, state.memory),
                keep=None if checkpoints is None or (world and world.rank) else partial(_keep, checkpoints, attempt),
            )
            try:
                if module.done < module.steps:  # or it was killed, or its answer was lost, after its last step
                    notes += fit(module, lesson.stream.after(module.done), words=settings.trainer, device=device, world=world)
            except Diverged as reason:
                last = reason
                notes.append(f"diverged ({reason}) at the learning rate {module.learning_rate:g}")
                continue
            weights = lesson.member(module.finish(), settings).to_bytes()
            seconds = time.perf_counter() - began
            return TrainedMember(weights, tuple(module.curve), tuple(lesson.held_out.tolist()), attempt, seconds, tuple(notes))
    raise TrainingDiverged(
        f"training diverged {settings.restarts + 1} times ({last}); look for absurd labels, "
        f"or lower the learning rate from {rate:g}"
    )


def _place(settings: TrainingSettings, number: int) -> torch.device:
    if settings.processes == 1:
        return device_of(settings.device, turn=number)
    if settings.device.startswith("cuda"):
        raise ConfigError(
            f"training.processes: {settings.processes} train one member on the CPU; on {settings.device} write 1, and let each "
            "member have a GPU, or all of them one"
        )
    return CPU


def _found(checkpoints: Checkpoints) -> tuple[TrainingState | None, list[str]]:
    """Where to go on, and what there is to tell of it."""
    state, notes = checkpoints.newest()
    if state is not None:
        return state, [*notes, f"training went on from step {state.step}"]
    return None, [*notes, "training started anew"] if notes else []


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
    member.network.to(settings.dtype)
    return member


def _gradient(
    network: EnergyNetwork, lesson: Lesson, settings: TrainingSettings, *, tell: Tell, world: World | None
) -> LossGradient:
    """Of a network that is where it starts from."""
    weights, widths = settings.loss_weights, settings.loss_widths
    eager = eager_gradient(network, weights=weights, widths=widths, mixed=settings.mixed)
    traced = partial(_traced, network, settings, steps=lesson.stream.steps, tell=tell)
    whole = replayed(lesson.stream, settings, eager=eager, traced=traced)
    gradient: LossGradient = FrugalGradient(whole, eager, least=settings.architecture.heads, tell=tell)
    gradient = gradient if world is None else world.together(gradient)
    if lesson.stiffness is None:
        return gradient
    return held_back(gradient, list(network.parameters()), lesson.stiffness, strength=settings.continual.strength)


def _traced(
    network: EnergyNetwork, settings: TrainingSettings, example: TrainingBatch, *, steps: int, tell: Tell
) -> LossGradient:
    """For batches of the example's shape; as machine code where there are steps enough to repay compiling it."""
    weights, widths = settings.loss_weights, settings.loss_widths
    make = partial(traced_gradient, network, example, weights=weights, widths=widths, mixed=settings.mixed)
    with quiet():
        if settings.compile_from and steps >= settings.compile_from:
            try:
                return make(machine_code=True)
            except NotCompiled as reason:
                tell(f"the step could not be compiled and is replayed from its trace ({reason})")
        return make()


def fit(
    module: lightning.LightningModule,
    stream: Iterable[object],
    *,
    words: TrainerWords = BARE,
    device: torch.device = CPU,
    world: World | None = None,
) -> tuple[str, ...]:
    """Train the module, which is on the device, on the batches of the stream, in silence; what there is to tell of it."""
    with quiet(), products(words, device):
        trainer = lightning_trainer(words, device) if world is None else world.trainer()
        trainer.fit(module, train_dataloaders=stream)
    return what_it_tells(trainer)
