"""Teaching a network residual densities: Lightning's loop over molecules, kept as it goes, stopped when it learns no more."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, final

import numpy as np
import pytorch_lightning as lightning
import torch

from reactal.density.keeping import Keeper, Kept
from reactal.density.lessons import Geometry, Lesson
from reactal.density.settings import NetworkSpec, TrainingPlan
from reactal.errors import TooFewLabels, TrainingDiverged
from reactal.potentials.quiet import quiet
from reactal.potentials.threads import torch_threads

__all__ = ["CurvePoint", "DensityTraining", "rho_error", "train_network"]


@final
@dataclass(frozen=True)
class CurvePoint:
    """After `step` steps and `seconds` of them: the mean loss since the point before, the error (%) of the residual held out."""

    step: int
    seconds: float
    loss: float
    rho_error: float


Tell = Callable[[CurvePoint], None]


def train_network(
    network: Any,
    spec: NetworkSpec,
    lessons: Sequence[Lesson],
    held_out: Sequence[Lesson],
    *,
    plan: TrainingPlan,
    keeper: Keeper | None = None,
    tell: Tell | None = None,
) -> tuple[CurvePoint, ...]:
    """Teach `network` in place, from where a killed run of the same plan was. It ends with the weights of the best validation.

    Raises `TooFewLabels` and `TrainingDiverged`.
    """
    if not lessons:
        raise TooFewLabels("there is no density to learn from; give some molecules")
    module = DensityTraining(network, spec, lessons, held_out or lessons[:4], plan=plan, keeper=keeper, tell=tell)
    if not module.finished:
        with quiet(), torch_threads(plan.threads):
            trainer = lightning.Trainer(accelerator="auto", devices=1, max_epochs=1, barebones=True)
            trainer.fit(module, train_dataloaders=_Steps(module))
    module.finish()
    return tuple(module.curve)


@final
class DensityTraining(lightning.LightningModule):
    """One network's training."""

    def __init__(
        self,
        network: Any,
        spec: NetworkSpec,
        lessons: Sequence[Lesson],
        held_out: Sequence[Lesson],
        *,
        plan: TrainingPlan,
        keeper: Keeper | None,
        tell: Tell | None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network, self.spec, self.plan, self.keeper, self.tell = network, spec, plan, keeper, tell
        self.lessons, self.held_out = list(lessons), list(held_out)
        _standardise(network, lessons)
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=plan.weight_decay)
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.best = {name: value.clone() for name, value in self.average.items()}
        self.curve: list[CurvePoint] = []
        self.step_number, self.before, self.waited, self.finished = 0, 0.0, 0, False
        self._began, self._losses = time.monotonic(), list[float]()
        if keeper is not None and (kept := keeper.newest()) is not None:
            self._go_on(kept)

    @property
    def seconds(self) -> float:
        """Spent on this training, in all its runs."""
        return self.before + time.monotonic() - self._began

    @property
    def progress(self) -> float:
        """From 0 to 1, by steps or by time."""
        timed = self.seconds / (60 * self.plan.minutes) if self.plan.minutes else 0.0
        return min(1.0, max(self.step_number / self.plan.steps, timed))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimiser

    def on_fit_start(self) -> None:
        self.lessons = [lesson.to(self.device) for lesson in self.lessons]
        self.held_out = [lesson.to(self.device) for lesson in self.held_out]
        self.average = {name: value.to(self.device) for name, value in self.average.items()}
        self.best = {name: value.to(self.device) for name, value in self.best.items()}
        for state in self.optimiser.state.values():  # of a training that goes on they were read into this machine's own memory
            state.update({name: value.to(self.device) for name, value in state.items() if name != "step"})

    def training_step(self, numbers: Sequence[int], _: int) -> None:
        if self.finished:  # the batch that Lightning had asked for ahead
            return
        generator = np.random.default_rng((self.plan.seed, self.step_number))
        batch = [self.lessons[int(number)] for number in numbers]
        if self.spec.kind in ("unet", "combined"):
            batch = [_turned(lesson, generator) for lesson in batch]
        rate = self._rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        loss = torch.stack([_loss(said, lesson) for said, lesson in zip(_said(self.network, batch), batch, strict=True)]).mean()
        if not torch.isfinite(loss):
            raise TrainingDiverged(
                f"the loss is not finite after {self.step_number} steps; lower the rate from {self.plan.rate:g}"
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.clip)
        self.optimiser.step()
        self._averaged()
        self._losses.append(float(loss.detach()))
        self.step_number += 1
        self._after_step()

    def finish(self) -> None:
        """The best weights, and no state behind."""
        self.network.load_state_dict(self.best)
        self.network.eval()

    def _after_step(self) -> None:
        ends = self.progress >= 1.0
        if ends or self.step_number % self.plan.validate_every == 0:
            self._validate()
        self.finished = ends or bool(self.plan.patience and self.waited >= self.plan.patience)
        if self.keeper is not None and (self.finished or self.step_number % self.plan.keep_every == 0):
            self.keeper.keep(self._state())

    def _rate(self) -> float:
        warm = min(1.0, (self.step_number + 1) / self.plan.warm_up)
        return self.plan.rate * warm * max(0.003, 0.5 * (1 + math.cos(math.pi * self.progress)))

    def _averaged(self) -> None:
        share = min(self.plan.ema, (1 + self.step_number) / (10 + self.step_number))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - share)

    @torch.no_grad()
    def _validate(self) -> None:
        now = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        error = float(np.mean([rho_error(self.network, lesson) for lesson in self.held_out]))
        self.network.load_state_dict(now)
        known = min((point.rho_error for point in self.curve), default=math.inf)
        if error < known:
            self.best, self.waited = {name: value.clone() for name, value in self.average.items()}, 0
        else:
            self.waited += 1
        self.curve.append(CurvePoint(self.step_number, self.seconds, float(np.mean(self._losses or [math.nan])), error))
        self._losses.clear()
        if self.tell is not None:
            self.tell(self.curve[-1])

    def _state(self) -> Kept:
        memory = {
            "step": self.step_number,
            "seconds": self.seconds,
            "waited": self.waited,
            "finished": self.finished,
            "curve": [asdict(point) for point in self.curve],
        }
        parts = {"now": self.network.state_dict(), "average": self.average, "best": self.best}
        tensors = {f"{part}.{name}": value for part, state in parts.items() for name, value in state.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{number}.{name}": value for name, value in state.items()}
        return Kept(tensors, memory)

    def _go_on(self, kept: Kept) -> None:
        def part(prefix: str) -> dict[str, torch.Tensor]:
            return {name[len(prefix) :]: value for name, value in kept.tensors.items() if name.startswith(prefix)}

        self.network.load_state_dict(part("now."))
        self.average, self.best = part("average."), part("best.")
        state = self.optimiser.state_dict()
        for name, value in part("adam.").items():
            number, _, what = name.partition(".")
            state["state"].setdefault(int(number), {})[what] = value
        self.optimiser.load_state_dict(state)
        self.step_number, self.before = kept.memory["step"], kept.memory["seconds"]
        self.waited, self.finished = kept.memory["waited"], kept.memory["finished"]
        self.curve = [CurvePoint(**point) for point in kept.memory["curve"]]


@final
class _Steps:
    """Batches drawn by the number of the step alone, so that a training that goes on draws what it would have drawn."""

    def __init__(self, module: DensityTraining) -> None:
        self._module = module

    def __iter__(self) -> Iterator[list[int]]:
        count, plan = len(self._module.lessons), self._module.plan
        for step in itertools.count(self._module.step_number):  # Lightning asks for a batch ahead, before the step number moves
            generator = np.random.default_rng((plan.seed, 1, step))
            if self._module.finished:
                return
            yield generator.choice(count, size=min(plan.batch, count), replace=False).tolist()


@torch.no_grad()
def rho_error(network: Any, lesson: Lesson) -> float:
    """100 times the integral of the error over that of the residual, from the lesson's points."""
    ((values, _),) = _said(network, [lesson])
    off = (lesson.weights * (values - lesson.truth).abs()).sum() / (lesson.weights * lesson.truth.abs()).sum()
    return 100 * float(off)


Said = tuple[torch.Tensor, torch.Tensor | None]  # at the points; coefficients, from a network that gives them


def _said(network: Any, lessons: Sequence[Lesson]) -> list[Said]:
    coefficients = network.coefficients([lesson.geometry for lesson in lessons])
    if coefficients is None:
        return [(network.values(lesson.geometry, lesson.points), None) for lesson in lessons]
    said: list[Said] = []
    for lesson, free in zip(lessons, coefficients, strict=True):
        right = free + lesson.repair * (lesson.charges @ (lesson.target - free))
        said.append((lesson.at_points @ right, right))
    return said


def _loss(said: Said, lesson: Lesson) -> torch.Tensor:
    """Relative errors, each of first order: integral of |error|, its root mean square, and the root of its Coulomb energy."""
    values, coefficients = said
    off = values - lesson.truth
    loss = (lesson.weights * off.abs()).sum() / (lesson.weights * lesson.truth.abs()).sum()
    loss = loss + torch.sqrt((lesson.weights * off**2).sum() / (lesson.weights * lesson.truth**2).sum() + 1e-10)
    if coefficients is None:
        return loss
    wrong, whole = lesson.factor @ (coefficients - lesson.target), lesson.factor @ lesson.target
    return loss + torch.sqrt((wrong @ wrong) / (whole @ whole) + 1e-10)


def _standardise(network: Any, lessons: Sequence[Lesson]) -> None:
    """Tell a network of coefficients how large each of them is, before it learns."""
    if not hasattr(network, "standardise"):
        return
    layout = network.layout
    rows: dict[int, list[torch.Tensor]] = {number: [] for number in layout.elements}
    for lesson in lessons:
        own = torch.full((len(lesson.geometry.numbers) * layout.width,), math.nan)
        own[layout.take(lesson.geometry.numbers)] = lesson.target
        for number, row in zip(lesson.geometry.numbers.tolist(), own.reshape(-1, layout.width), strict=True):
            rows[number].append(row)
    mean, scale = torch.zeros(len(layout.elements), layout.width), torch.ones(len(layout.elements), layout.width)
    for place, number in enumerate(layout.elements):
        _fill(torch.stack(rows[number]), layout.counts, mean[place], scale[place])
    network.standardise(mean, scale)


def _fill(rows: torch.Tensor, counts: Sequence[int], mean: torch.Tensor, scale: torch.Tensor) -> None:
    begin = 0
    for one, count in enumerate(counts):
        for _ in range(count):
            part = slice(begin, begin + 2 * one + 1)
            values = rows[:, part]
            begin += 2 * one + 1
            if torch.isnan(values).any():  # an element without that shell
                continue
            centre = values.mean() if one == 0 else torch.tensor(0.0)
            mean[part], scale[part] = centre, torch.sqrt(((values - centre) ** 2).mean()).clamp(min=1e-4)


def _turned(lesson: Lesson, generator: np.random.Generator) -> Lesson:
    """The molecule turned at random: what a mesh has to be taught."""
    from scipy.spatial.transform import Rotation

    rotation = torch.tensor(Rotation.random(random_state=generator).as_matrix(), dtype=torch.float32, device=lesson.points.device)
    geometry: Geometry = lesson.geometry.turned(rotation)
    return replace(lesson, geometry=geometry, points=lesson.points @ rotation.T)
