"""One member in training, as Lightning sees it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any, final

import pytorch_lightning as lightning
import torch

from reactal.potentials.evaluation import each_head
from reactal.potentials.schnetpack import EnergyNetwork
from reactal.training.adapters import Adapters
from reactal.training.batches import TrainingBatch
from reactal.training.gradient import LossGradient, deviations, loss_of
from reactal.training.schedule import optimiser_and_schedule
from reactal.training.settings import TrainingSettings

__all__ = ["CurvePoint", "Diverged", "MemberModule", "Memory", "Progress"]

Progress = Callable[[int, int, float], None]  # step, steps in all, loss
Memory = tuple[int, Mapping[str, torch.Tensor], Mapping[str, Any]]  # steps done; tensors and plain JSON values by name
EXPLODED = 1e4  # times the first loss


class Diverged(ArithmeticError):
    """The loss is not finite or has exploded; the member starts again with a smaller learning rate."""


@final
@dataclass(frozen=True)
class CurvePoint:
    """Mean absolute errors of the averaged weights on the validation fold after `step` steps: eV and eV/angstrom; the weighted
    loss there, and the mean loss of training since the last point. Of several heads all are asked: their means, and the last
    error of each."""

    step: int
    training_loss: float
    validation_loss: float
    energy_mae: float
    force_mae: float
    heads: tuple[float, ...] = ()


@final
class MemberModule(lightning.LightningModule):
    """Weighted energy and force loss, AdamW with warm-up and cosine, averaged weights, of which the best are kept."""

    def __init__(
        self,
        network: EnergyNetwork,
        settings: TrainingSettings,
        *,
        gradient: LossGradient,
        steps: int,
        learning_rate: float,
        fold: TrainingBatch | None,
        progress: Progress | None = None,
        before: Memory | None = None,
        keep: Callable[[Memory], None] | None = None,
    ) -> None:
        """`before`: go on from there. `keep` is called every `settings.checkpoint_steps` steps, and with the end."""
        super().__init__()
        self.automatic_optimization = False  # the gradient may come from a trace, which has no backward pass
        self.network = network
        self.settings = settings
        self.gradient = gradient
        self.steps = steps
        self.learning_rate = learning_rate
        self.fold = fold
        self.progress = progress
        self.curve: list[CurvePoint] = []
        self._adapters = Adapters.of(network, rank=settings.adapter_rank) if settings.transfer == "adapters" else None
        moving = None if self._adapters is None else [*self._adapters.heads, *self._adapters.small]
        self._live: list[torch.Tensor] = moving or list(network.parameters())
        self._average = [p.detach().clone() for p in self._live]
        self._best: tuple[float, list[torch.Tensor]] | None = None
        self._losses: list[float] = []
        self.gradient_norm = torch.zeros(())  # of the last step, before it was clipped
        self.done = 0
        self._keep = keep
        self._before = before
        if before is not None:
            self._remember(before)

    @property
    def last_loss(self) -> float:
        return self._losses[-1]

    # -- what Lightning calls ------------------------------------------------------------------------------------------

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        loss, gradients = self.gradient(batch)
        value = float(loss)
        self._losses.append(value)
        if not math.isfinite(value) or value > EXPLODED * max(self._losses[0], 1.0):
            raise Diverged(f"loss {value:.3g} at step {self.done + 1}")
        if self._adapters is not None:
            gradients = self._adapters.slopes(gradients)
        for parameter, slope in zip(self._live, gradients, strict=True):
            parameter.grad = slope
        optimiser: Any = self.optimizers(use_pl_optimizer=False)
        moving = [p for group in optimiser.param_groups if group["lr"] for p in group["params"]]
        self.gradient_norm = torch.nn.utils.clip_grad_norm_(moving, self.settings.gradient_clip)
        self.optimizers().step()  # type: ignore[union-attr]
        if self._adapters is not None:
            self._adapters.write()
        self.lr_schedulers().step()  # type: ignore[union-attr]

    def on_train_batch_end(self, outputs: Any, batch: TrainingBatch, batch_idx: int) -> None:
        step = self.done = self.done + 1
        # a short memory at first, so that the random initial weights are forgotten
        decay = min(self.settings.ema_decay, step / (step + 9))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, self._live, 1 - decay)
        if step == self.steps or (2 * step >= self.steps and step % self.settings.validate_every == 0):
            self._validate(step)
        if self._keep is not None and (step == self.steps or step % self.settings.checkpoint_steps == 0):
            self._keep(self._memory())
        if self.progress is not None:
            self.progress(step, self.steps, self._losses[-1])

    def configure_optimizers(self) -> Any:
        optimiser, schedule = optimiser_and_schedule(
            self.network, self.settings, rate=self.learning_rate, steps=self.steps, adapters=self._adapters
        )
        if self._before is not None:
            _, tensors, plain = self._before
            slots: dict[int, dict[str, torch.Tensor]] = {}
            for name, value in tensors.items():
                part, _, place = name.partition("/")
                if part == "optimiser":
                    number, _, slot = place.partition("/")
                    slots.setdefault(int(number), {})[slot] = value
            optimiser.load_state_dict({"state": slots, "param_groups": plain["groups"]})
            schedule.load_state_dict(dict(plain["schedule"]))
        return [optimiser], [schedule]

    def transfer_batch_to_device(self, batch: TrainingBatch, *_: Any) -> TrainingBatch:
        return batch  # made where it is used

    # -- being killed and going on -------------------------------------------------------------------------------------

    def _memory(self) -> Memory:
        optimiser = self.optimizers(use_pl_optimizer=False).state_dict()  # type: ignore[union-attr]
        plain = {"groups": optimiser["param_groups"], "schedule": self.lr_schedulers().state_dict()}  # type: ignore[union-attr]
        curve = [[float(value) for value in (*astuple(point)[:5], *point.heads)] for point in self.curve]
        tensors = {
            "losses": torch.tensor(self._losses, dtype=torch.float64),
            "curve": torch.tensor(curve, dtype=torch.float64).reshape(len(curve), len(curve[0]) if curve else 5),
            **{f"live/{i}": p.detach() for i, p in enumerate(self._live)},
            **{f"average/{i}": p for i, p in enumerate(self._average)},
            **{f"optimiser/{i}/{slot}": t for i, slots in optimiser["state"].items() for slot, t in slots.items()},
        }
        if self._best is not None:
            tensors["best_loss"] = torch.tensor(self._best[0], dtype=torch.float64)
            tensors.update({f"best/{i}": p for i, p in enumerate(self._best[1])})
        return self.done, tensors, plain

    def _remember(self, before: Memory) -> None:
        """All but the optimiser and its schedule, which Lightning asks for later."""
        self.done, tensors, _ = before

        def weights(name: str) -> list[torch.Tensor]:
            return [tensors[f"{name}/{i}"].clone().to(live.device) for i, live in enumerate(self._live)]

        self._put(weights("live"))
        self._average = weights("average")
        self._losses = tensors["losses"].tolist()
        self.curve = [_point(values) for values in tensors["curve"].tolist()]
        if "best_loss" in tensors:
            self._best = (float(tensors["best_loss"]), weights("best"))

    # -- the rest ------------------------------------------------------------------------------------------------------

    def _validate(self, step: int) -> None:
        recent = self._losses[-self.settings.validate_every :]
        training_loss = sum(recent) / len(recent)
        if self.fold is None:
            self.curve.append(CurvePoint(step, training_loss, math.nan, math.nan, math.nan))
            return
        live = [p.detach().clone() for p in self._live]
        self._put(self._average)
        with torch.enable_grad():  # for the forces
            offs = _of_each_head(self.network, self.fold)
        self._put(live)
        weights, widths = self.settings.loss_weights, self.settings.loss_widths
        loss = statistics.fmean(float(loss_of(self.fold, off, weights, widths).detach()) for off in offs)
        energy_mae, force_mae = ([float(off[part].detach().abs().mean()) for off in offs] for part in range(2))
        means = statistics.fmean(energy_mae), statistics.fmean(force_mae)
        self.curve.append(CurvePoint(step, training_loss, loss, *means, tuple(force_mae) if len(offs) > 1 else ()))
        if self._best is None or loss < self._best[0]:
            self._best = (loss, [p.clone() for p in self._average])

    def _put(self, values: list[torch.Tensor]) -> None:
        with torch.no_grad():
            torch._foreach_copy_(self._live, values)
        if self._adapters is not None:
            self._adapters.write()

    def finish(self) -> EnergyNetwork:
        """The network with the best averaged weights, or the last ones where nothing was held out."""
        self.network.to(self._average[0].device)  # Lightning has taken it to the CPU
        self._put(self._average if self._best is None else self._best[1])
        return self.network


def _point(values: list[float]) -> CurvePoint:
    step, training, validation, energy, force, *heads = values
    return CurvePoint(int(step), training, validation, energy, force, tuple(heads))


def _of_each_head(network: EnergyNetwork, fold: TrainingBatch) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What `deviations` says of each, of all structures: in training they answer in turn."""
    heads = network.architecture.heads
    if heads == 1:
        return [deviations(network, fold, differentiable=False)]
    energies, slopes = each_head(network, fold.atoms, heads=heads)
    return [(energy - fold.energy, -slope - fold.forces) for energy, slope in zip(energies, slopes, strict=True)]
