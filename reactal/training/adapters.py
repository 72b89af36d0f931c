"""Small layers beside the large ones of a model that was trained elsewhere: they learn, the large ones stay.

W = W0 + B A with A (rank, in), B (out, rank): Hu et al., ICLR 2022 (low-rank adaptation). B begins with zeros, so that the model
begins as it was. The slopes follow from those of the whole weights, dL/dA = B^T dL/dW and dL/dB = dL/dW A^T, so that a step is
computed, and may be replayed, as without; and the weights are whole again when training ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch

from reactal.potentials.schnetpack import EnergyNetwork
from reactal.training.settings import HEADS

__all__ = ["Adapters"]

SEED = 1


@final
@dataclass(frozen=True, eq=False)
class Adapters:
    """What moves: the heads, and of each layer of the representation A and B. `order` are all of the network's parameters; where
    is the number of a layer's weights among them, in the order of `factors`."""

    order: tuple[torch.Tensor, ...]
    free: tuple[int, ...]
    where: tuple[int, ...]
    start: tuple[torch.Tensor, ...]
    factors: tuple[tuple[torch.Tensor, torch.Tensor], ...]

    @classmethod
    def of(cls, network: EnergyNetwork, *, rank: int) -> Adapters:
        """Of a network that is where it starts from."""
        random = torch.Generator().manual_seed(SEED)
        named = list(network.named_parameters())
        free = tuple(place for place, (name, _) in enumerate(named) if name.startswith(HEADS))
        where = tuple(place for place, (name, weights) in enumerate(named) if place not in free and _large(name, weights, rank))
        start = tuple(named[place][1].detach().clone() for place in where)
        factors = []
        for weights in start:
            outputs, inputs = weights.shape
            down = torch.randn(rank, inputs, generator=random) / inputs**0.5
            factors.append((down.to(weights).requires_grad_(), weights.new_zeros(outputs, rank).requires_grad_()))
        return cls(tuple(parameter for _, parameter in named), free, where, start, tuple(factors))

    @property
    def heads(self) -> list[torch.Tensor]:
        return [self.order[place] for place in self.free]

    @property
    def small(self) -> list[torch.Tensor]:
        return [factor for pair in self.factors for factor in pair]

    def slopes(self, whole: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """By the heads and the small layers, from those by all of the network's parameters."""
        found = [whole[place] for place in self.free]
        for place, (down, up) in zip(self.where, self.factors, strict=True):
            found += [up.detach().T @ whole[place], whole[place] @ down.detach().T]
        return found

    def write(self) -> None:
        """The network's weights as the small layers make them."""
        with torch.no_grad():
            for place, start, (down, up) in zip(self.where, self.start, self.factors, strict=True):
                self.order[place].copy_(start + up @ down)


def _large(name: str, weights: torch.Tensor, rank: int) -> bool:
    """A layer whose adapter is smaller than it is; rows of a table of elements are no directions of a layer."""
    return weights.ndim == 2 and "embedding" not in name and "familiarity" not in name and min(weights.shape) > rank
