"""One member trained by several processes of this machine: each computes the slopes of its share of every batch, and all take the
step that the whole batch asks for. Lightning brings them together over gloo.

Every process keeps its own network, and all of them stay the same. The first is the one that asked; the others are started with
the job, and end with it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from typing import Any, final

import pytorch_lightning as lightning
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from pytorch_lightning.strategies import DDPStrategy
from torch import distributed

from reactal.errors import ConfigError, TrainingInterrupted
from reactal.training.batches import Batches, Rows, TrainingBatch
from reactal.training.frugal import parts_of
from reactal.training.gradient import LossGradient, Tensors
from reactal.training.lesson import Lesson
from reactal.training.settings import TrainingSettings

__all__ = ["World", "ranks"]

LOOPBACK = "lo"
ENDS_WITHIN = 20.0  # seconds, once the first is through


@final
@dataclass(frozen=True)
class World:
    """Process number `rank` of `size`; they meet at a port of this machine."""

    rank: int
    size: int
    port: int

    def trainer(self) -> lightning.Trainer:
        strategy = _OwnGradients(cluster_environment=_Here(self), process_group_backend="gloo")
        return lightning.Trainer(accelerator="cpu", devices=self.size, strategy=strategy, max_epochs=1, barebones=True)

    def lesson(self, lesson: Lesson, *, least: int) -> Lesson:
        """With this process's part of every batch: a multiple of `least` structures, as far as they go."""
        return replace(lesson, stream=_Share(lesson.stream, self, least))

    def together(self, gradient: LossGradient) -> LossGradient:
        """Of the whole batch, from a gradient of this process's part."""

        def step(batch: TrainingBatch) -> tuple[torch.Tensor, Tensors]:
            loss, slopes = gradient(batch)
            weight = batch.weight.sum()
            sums = torch.cat([torch.stack([weight, weight * loss]), *((weight * slope).flatten() for slope in slopes)])
            distributed.all_reduce(sums)
            whole, loss_sum = sums[:2].unbind()
            each = (sums[2:] / whole).split([slope.numel() for slope in slopes])
            return loss_sum / whole, [flat.reshape(slope.shape) for flat, slope in zip(each, slopes, strict=True)]

        return step


@final
@dataclass(frozen=True, eq=False)
class _Share:
    whole: Batches
    world: World
    least: int

    @property
    def data(self) -> Rows:
        return self.whole.data

    @property
    def steps(self) -> int:
        return self.whole.steps

    def after(self, done: int) -> _Share:
        return replace(self, whole=self.whole.after(done))

    def on(self, device: torch.device) -> _Share:
        return replace(self, whole=self.whole.on(device))

    def __iter__(self) -> Iterator[TrainingBatch]:
        for batch in self.whole:
            rows = -(-batch.atoms.structures // (self.world.size * self.least)) * self.least
            parts = list(parts_of(batch, rows))
            if len(parts) < self.world.size:
                raise ConfigError(
                    f"batches of {batch.atoms.structures} structures have no part for each of {self.world.size} processes; "
                    "write a smaller training.processes or a larger training.batch"
                )
            yield parts[self.world.rank]


@final
class _OwnGradients(DDPStrategy):
    """The process group without the wrapper: gradients come from `World.together`, not from a backward pass."""

    def configure_ddp(self) -> None:
        """Nothing is wrapped."""


@final
class _Here(ClusterEnvironment):
    """Processes that are there already, all on this machine."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return "127.0.0.1"

    @property
    def main_port(self) -> int:
        return self._world.port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._world.size

    def set_world_size(self, size: int) -> None: ...

    def global_rank(self) -> int:
        return self._world.rank

    def set_global_rank(self, rank: int) -> None: ...

    def local_rank(self) -> int:
        return self._world.rank

    def node_rank(self) -> int:
        return 0


@contextmanager
def ranks(job: Any, settings: TrainingSettings) -> Iterator[World | None]:
    """The first of `settings.processes` processes that train the job together; None where one is enough."""
    if settings.processes == 1:
        yield None
        return
    first = World(0, settings.processes, _free_port())
    others = []
    try:
        with _over_loopback():
            others = [_started(job, replace(first, rank=rank)) for rank in range(1, first.size)]
            yield first
            for process in others:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(ENDS_WITHIN)
    except RuntimeError as error:
        lost = [process.pid for process in others if _ended(process)]
        if not lost:
            raise
        raise TrainingInterrupted(
            f"process {lost[0]}, one of {first.size} that trained together, ended; with training.checkpoint_steps the "
            "same command goes on from the last state"
        ) from error
    finally:
        for process in others:
            process.kill()
            process.wait()
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _started(job: Any, world: World) -> subprocess.Popen[bytes]:
    mine, theirs = Pipe(duplex=False)[::-1]
    command = [sys.executable, "-m", "reactal.training.rank", str(theirs.fileno())]
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()
    with mine:
        mine.send((job, world))
    return process


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """The connection can be gone a moment before the process."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(1.0)
    return process.poll() is not None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _over_loopback() -> Iterator[None]:
    """Gloo would take the address that the machine's name has, which may be none."""
    name = "GLOO_SOCKET_IFNAME"
    if name in os.environ or LOOPBACK not in {interface for _, interface in socket.if_nameindex()}:
        yield
        return
    os.environ[name] = LOOPBACK
    try:
        yield
    finally:
        del os.environ[name]
