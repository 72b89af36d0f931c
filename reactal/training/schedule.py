"""What the optimiser moves, and how fast, from step to step."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

import torch

from reactal.potentials.schnetpack import EnergyNetwork
from reactal.training.adapters import Adapters
from reactal.training.settings import HEADS, TrainingSettings

__all__ = ["optimiser_and_schedule"]

Factor = Callable[[int], float]  # of the learning rate after so many steps
Group = tuple[Sequence[torch.Tensor], Factor]
LAYER = re.compile(r"\.(\d+)(?:\.|$)")
UNFROZEN_BY = 0.5  # of the steps, every layer learns


def optimiser_and_schedule(
    network: EnergyNetwork, settings: TrainingSettings, *, rate: float, steps: int, adapters: Adapters | None = None
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW with warm-up and cosine. Parameters that stay where they are have a learning rate of 0, and no weight decay with it.

    `gradual` sets the layers free from the head downwards: Howard, Ruder, ACL 2018, 328.
    """
    end = settings.learning_rate_end / rate

    def course(step: int) -> float:
        if step < settings.warmup:
            return (step + 1) / settings.warmup
        done = (step - settings.warmup) / max(steps - settings.warmup, 1)
        return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    if adapters is None:
        groups = _groups(network, settings, course, steps)
    else:
        groups = [(adapters.heads, course), (adapters.small, _from(0, settings.representation_rate, course))]
    given = [{"params": list(parameters)} for parameters, _ in groups]
    fused = {parameter.device.type for parameters, _ in groups for parameter in parameters} <= {"cpu", "cuda"}
    optimiser = torch.optim.AdamW(given, lr=rate, weight_decay=settings.weight_decay, fused=fused)
    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, [factor for _, factor in groups])


def _groups(network: EnergyNetwork, settings: TrainingSettings, course: Factor, steps: int) -> list[Group]:
    if settings.transfer == "full" and settings.representation_rate == 1:
        return [(list(network.parameters()), course)]
    head: Group = ([parameter for name, parameter in network.named_parameters() if name.startswith(HEADS)], course)
    below = {name: parameter for name, parameter in network.named_parameters() if not name.startswith(HEADS)}
    times = settings.representation_rate
    if settings.transfer != "gradual":
        begin = math.inf if settings.transfer == "features" else 0
        return [head, (list(below.values()), _from(begin, times, course))]
    layers = _layers(below)
    period = UNFROZEN_BY * steps / len(layers)
    return [head, *((layer, _from(number * period, times, course)) for number, layer in enumerate(layers, start=1))]


def _from(begin: float, times: float, course: Factor) -> Factor:
    return lambda step: times * course(step) if step >= begin else 0.0


def _layers(below: Mapping[str, torch.nn.Parameter]) -> list[list[torch.nn.Parameter]]:
    """The one next to the head first; what all of them share, the embedding too, comes last."""
    layers: dict[int, list[torch.nn.Parameter]] = {}
    for name, parameter in below.items():
        number = LAYER.search(name)
        layers.setdefault(int(number[1]) if number else -1, []).append(parameter)
    return [layers[number] for number in sorted(layers, reverse=True)]
