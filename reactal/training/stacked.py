"""A committee trained in one process, as one network whose every weight is a stack of all members' weights.

A device with many cores is left idle by one small network, and not by a stack of eight. Each member sees its own batches in its
own order, is clipped, averaged and judged by itself: the numbers are those of members trained apart, to rounding.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import pytorch_lightning as lightning
import torch

from reactal.potentials.device import device_of
from reactal.potentials.schnetpack import EnergyNetwork
from reactal.potentials.threads import torch_threads
from reactal.training.batches import TrainingBatch
from reactal.training.gradient import Tensors, deviations, loss_of, stacked_gradient
from reactal.training.lesson import Lesson
from reactal.training.member import MemberJob, TrainedMember, beginning, fit, quiet
from reactal.training.module import EXPLODED, CurvePoint, Diverged
from reactal.training.schedule import optimiser_and_schedule
from reactal.training.settings import TrainingSettings

__all__ = ["NotStackable", "train_stack"]

Stack = list[TrainingBatch]  # a batch for each member, all of one shape
StackGradient = Callable[[Tensors, Stack], tuple[torch.Tensor, Tensors]]  # losses (members,), slopes (members, ...)


class NotStackable(ValueError):
    """These members cannot be trained as a stack; says why."""


@final
@dataclass(frozen=True, eq=False)
class StackStream:
    """The members' streams side by side."""

    lessons: Sequence[Lesson]

    def __iter__(self) -> Iterator[Stack]:
        for batches in zip(*(lesson.stream for lesson in self.lessons), strict=True):
            yield list(batches)


@final
class StackModule(lightning.LightningModule):
    """As `MemberModule`, for all members at once. `stack` holds the weights of all, `one` has room for those of a member."""

    def __init__(
        self,
        networks: Sequence[EnergyNetwork],
        settings: TrainingSettings,
        *,
        gradient: StackGradient,
        steps: int,
        learning_rate: float,
        folds: Sequence[TrainingBatch | None],
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.stack = stacked(networks)
        device = next(networks[0].parameters()).device
        self.one = EnergyNetwork(settings.architecture).to(device, settings.dtype)
        self.settings, self.gradient, self.steps, self.learning_rate = settings, gradient, steps, learning_rate
        self.folds = folds
        self.done = 0
        self.curves: list[list[CurvePoint]] = [[] for _ in networks]
        self._live: list[torch.Tensor] = list(self.stack.parameters())
        self._average = [p.detach().clone() for p in self._live]
        self._best: list[tuple[float, list[torch.Tensor]] | None] = [None for _ in networks]
        self._losses: list[torch.Tensor] = []
        self.gradient_norm = torch.zeros(())  # of each member in the last step, before it was clipped

    @property
    def last_loss(self) -> torch.Tensor:
        return self._losses[-1]

    def training_step(self, batches: Stack, batch_idx: int) -> None:
        losses, gradients = self.gradient(self._live, batches)
        self._losses.append(losses)
        most = EXPLODED * self._losses[0].clamp_min(1.0)
        if not bool((losses.isfinite() & (losses <= most)).all()):
            raise Diverged(f"a loss of {losses.tolist()} at step {self.done + 1}")
        self.gradient_norm, slopes = _clipped(gradients, self.settings.gradient_clip)
        for parameter, slope in zip(self._live, slopes, strict=True):
            parameter.grad = slope
        self.optimizers().step()  # type: ignore[union-attr]
        self.lr_schedulers().step()  # type: ignore[union-attr]

    def on_train_batch_end(self, outputs: Any, batch: Stack, batch_idx: int) -> None:
        step = self.done = self.done + 1
        decay = min(self.settings.ema_decay, step / (step + 9))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, self._live, 1 - decay)
        if step == self.steps or (2 * step >= self.steps and step % self.settings.validate_every == 0):
            for member, fold in enumerate(self.folds):
                self._validate(member, fold, step)

    def configure_optimizers(self) -> Any:
        optimiser, schedule = optimiser_and_schedule(self.stack, self.settings, rate=self.learning_rate, steps=self.steps)
        return [optimiser], [schedule]

    def transfer_batch_to_device(self, batch: Stack, *_: Any) -> Stack:
        return batch  # made where it is used

    def _validate(self, member: int, fold: TrainingBatch | None, step: int) -> None:
        recent = self._losses[-self.settings.validate_every :]
        training_loss = float(torch.stack([losses[member] for losses in recent]).mean())
        if fold is None:
            self.curves[member].append(CurvePoint(step, training_loss, math.nan, math.nan, math.nan))
            return
        weights = [average[member].clone() for average in self._average]
        with torch.enable_grad():  # for the forces
            off = deviations(_with(self.one, weights), fold, differentiable=False)
        loss = float(loss_of(fold, off, self.settings.loss_weights, self.settings.loss_widths).detach())
        energy_mae, force_mae = (float(part.detach().abs().mean()) for part in off)
        self.curves[member].append(CurvePoint(step, training_loss, loss, energy_mae, force_mae))
        best = self._best[member]
        if best is None or loss < best[0]:
            self._best[member] = (loss, weights)

    def finish(self, member: int) -> EnergyNetwork:
        """The network with the member's best averaged weights, or its last ones where nothing was held out."""
        best = self._best[member]
        return _with(
            self.one.to(self._average[0].device), [average[member] for average in self._average] if best is None else best[1]
        )


def stacked(networks: Sequence[EnergyNetwork]) -> EnergyNetwork:
    """A network by its names, with the weights of all: (members, ...) each. It cannot be evaluated."""
    stack = EnergyNetwork(networks[0].architecture).to(next(networks[0].parameters()).device)
    for parameter, *each in zip(stack.parameters(), *(network.parameters() for network in networks), strict=True):
        parameter.data = torch.stack([weights.detach() for weights in each])
    return stack


def _with(network: EnergyNetwork, weights: Tensors) -> EnergyNetwork:
    with torch.no_grad():
        torch._foreach_copy_(list(network.parameters()), list(weights))
    return network


def _clipped(gradients: Tensors, most: float) -> tuple[torch.Tensor, Tensors]:
    """Each member's norm (members,), and its slopes clipped by it, as `clip_grad_norm_` does it for one."""
    norms = torch.stack([slope.flatten(1).norm(dim=1) for slope in gradients]).norm(dim=0)
    factors = (most / (norms + 1e-6)).clamp(max=1.0)
    return norms, [slope * factors.reshape(-1, *[1] * (slope.dim() - 1)) for slope in gradients]


def train_stack(work: Sequence[MemberJob]) -> list[TrainedMember]:
    """The members in the order of their jobs; raises `NotStackable`, or `Diverged` where a member does."""
    began = time.perf_counter()
    settings = work[0].settings
    _require_stackable(work)
    device = device_of(settings.device)
    lessons, networks = zip(*(beginning(job, device) for job in work), strict=True)
    _require_one_shape(lessons)
    weights, widths = settings.loss_weights, settings.loss_widths
    with quiet():
        example = next(iter(StackStream(lessons)))
        gradient = stacked_gradient(settings.architecture, example, weights=weights, widths=widths, mixed=settings.mixed)
    module = StackModule(
        networks,
        settings,
        gradient=gradient,
        steps=lessons[0].stream.steps,
        learning_rate=settings.learning_rate(warm=work[0].warm_start is not None),
        folds=[lesson.fold for lesson in lessons],
    )
    with torch_threads(settings.threads):
        notes = fit(module, StackStream(lessons), words=settings.trainer, device=device)
    seconds = (time.perf_counter() - began) / len(work)
    return [
        TrainedMember(
            lesson.member(module.finish(member), settings).to_bytes(),
            tuple(module.curves[member]),
            tuple(lesson.held_out.tolist()),
            restarts=0,
            seconds=seconds,
            notes=() if member else notes,
        )
        for member, lesson in enumerate(lessons)
    ]


def _require_stackable(work: Sequence[MemberJob]) -> None:
    settings = work[0].settings
    for wrong, why in (
        (any(job.settings != settings for job in work), "the members have different settings"),
        (len({job.warm_start is None for job in work}) > 1, "some members start from weights and some do not"),
        (any(job.stored is not None for job in work), "the labels are streamed from files"),
        (settings.processes > 1, "several processes train one member (training.processes)"),
        (settings.checkpoint_steps > 0, "a stack keeps no state to go on from (training.checkpoint_steps)"),
        (settings.architecture.heads > 1 or settings.architecture.says != "energy", "its networks say more than one energy"),
        (
            settings.transfer != "full" or settings.representation_rate != 1,
            "parts of the networks are held back (training.transfer)",
        ),
        (settings.continual.kind == "ewc", "elastic weights are held for each member (training.continual)"),
    ):
        if wrong:
            raise NotStackable(why)


def _require_one_shape(lessons: Sequence[Lesson]) -> None:
    if not all(lesson.stream.data.uniform for lesson in lessons):
        raise NotStackable("the structures are of different sizes")
