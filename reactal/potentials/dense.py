"""PaiNN for many molecules of one size, every atom seeing every other: the same numbers without lists of pairs.

Lists of pairs gather and scatter features three times a layer, which is most of what a small molecule costs. With all pairs of B
molecules of N atoms as one array (B, N, N, F), sums over neighbours are products along an axis, and those with directions are
small matrix products. Equations as in Schütt, Unke, Gastegger, ICML 2021; q are the atoms' scalar features, mu their vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, final

import torch
from torch import nn
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from reactal.potentials.architecture import Architecture
from reactal.potentials.replay import Replay, replayed
from reactal.potentials.schnetpack import EnergyNetwork

__all__ = ["dense_energies_and_slopes", "dense_form", "dense_stack", "has_dense_form"]

EnergyAndSlope = tuple[torch.Tensor, torch.Tensor]


def has_dense_form(architecture: Architecture) -> bool:
    """One PaiNN that knows neither charges nor further heads."""
    return architecture.kind == "painn" and architecture.plain


def dense_energies_and_slopes(network: EnergyNetwork, positions: torch.Tensor, numbers: torch.Tensor) -> EnergyAndSlope:
    """Of B molecules at positions (B, N, 3) angstrom with numbers (B, N): energies (B,) eV, slopes (B, N, 3) eV/angstrom."""
    shape = (positions.shape[0], positions.shape[1])
    replay = dense_form(network.architecture, positions.dtype, shape, device=positions.device)
    with torch.no_grad():
        energy, slope = replay(*network.parameters(), positions, numbers)
    return energy, slope


def dense_stack(
    architecture: Architecture, stacks: Sequence[torch.Tensor], positions: torch.Tensor, numbers: torch.Tensor
) -> EnergyAndSlope:
    """As `dense_energies_and_slopes`, of M networks at once, from stacks (M, ...) of their weights: (M, B) and (M, B, N, 3).
    A GPU takes little longer for all than for one."""
    shape = (positions.shape[0], positions.shape[1])
    replay = _stack_form(architecture, positions.dtype, shape, device=positions.device, members=len(stacks[0]))
    with torch.no_grad():
        energies, slopes = replay(*stacks, positions, numbers)
    return energies, slopes


@final
class _AllPairs(nn.Module):
    """The network's own layers on arrays of all pairs."""

    def __init__(self, network: EnergyNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, positions: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        painn: Any = self.network.representation
        direction, filters = self._filters(painn, positions)
        q = painn.embedding(numbers)
        mu: torch.Tensor | None = None
        for layer, (interaction, mixing) in enumerate(zip(painn.interactions, painn.mixing, strict=True)):
            parts = torch.split(filters[layer], painn.n_atom_basis, dim=-1)
            q, mu = _interact(interaction, q, mu, parts, direction)
            q, mu = _mix(mixing, q, mu)
        energy: torch.Tensor = self.network.outnet(q).sum((1, 2))
        return energy

    def _filters(self, painn: Any, positions: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Unit vectors (B, N, N, 3), from i to j, and for each layer filters (B, N, N, 3F), both zero from an atom to itself."""
        count = positions.shape[1]
        itself = torch.eye(count, dtype=positions.dtype, device=positions.device)
        vectors = positions[:, None] - positions[:, :, None]
        distance = (vectors.square().sum(-1) + itself).sqrt()
        near = painn.cutoff_fn(distance) * (1 - itself)
        filters = painn.filter_net(painn.radial_basis(distance)) * near[..., None]
        return vectors / distance[..., None], list(torch.split(filters, 3 * painn.n_atom_basis, dim=-1))


def _interact(
    layer: Any, q: torch.Tensor, mu: torch.Tensor | None, filters: tuple[torch.Tensor, ...], direction: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Messages of all neighbours; mu (B, N, 3, F), None where it is still zero."""
    scalar, along, carried = torch.split(layer.interatomic_context_net(q), q.shape[-1], dim=-1)
    from_scalar, from_along, from_carried = filters
    told = q + (from_scalar * scalar[:, None]).sum(2)
    arrows = direction.transpose(2, 3) @ (from_along * along[:, None])
    if mu is None:
        return told, arrows
    brought = [(from_carried * (carried * mu[:, :, axis])[:, None]).sum(2) for axis in range(3)]
    return told, mu + arrows + torch.stack(brought, dim=2)


def _mix(layer: Any, q: torch.Tensor, mu: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = torch.split(layer.mu_channel_mix(mu), q.shape[-1], dim=-1)
    length = (first.square().sum(2) + layer.epsilon).sqrt()
    context = layer.intraatomic_context_net(torch.cat([q, length], dim=-1))
    scalar, vector, both = torch.split(context, q.shape[-1], dim=-1)
    return q + scalar + both * (first * second).sum(2), mu + vector[:, :, None] * second


@lru_cache(maxsize=64)
def dense_form(architecture: Architecture, dtype: torch.dtype, shape: tuple[int, int], *, device: torch.device) -> Replay:
    """The trace for (molecules, atoms), made when first asked for: by one thread, before several replay it.

    Of no network in particular: the weights are arguments, so that members and models share it.
    """
    return replayed(*_graph(architecture, dtype, shape, device))


@lru_cache(maxsize=16)
def _stack_form(
    architecture: Architecture, dtype: torch.dtype, shape: tuple[int, int], *, device: torch.device, members: int
) -> Replay:
    graph, (*weights, positions, numbers) = _graph(architecture, dtype, shape, device)
    stacks = [torch.stack([tensor] * members) for tensor in weights]
    together = torch.vmap(graph, in_dims=(*[0] * len(stacks), None, None))
    return replayed(make_fx(together)(*stacks, positions, numbers), (*stacks, positions, numbers))


def _graph(
    architecture: Architecture, dtype: torch.dtype, shape: tuple[int, int], device: torch.device
) -> tuple[GraphModule, Sequence[torch.Tensor]]:
    """Plain operations on weights, positions and numbers; and an example of these."""
    network = EnergyNetwork(architecture).to(device, dtype).requires_grad_(False)
    model = _AllPairs(network)
    names = [f"network.{name}" for name, _ in network.named_parameters()]

    def evaluate(*tensors: torch.Tensor) -> EnergyAndSlope:
        *weights, positions, numbers = tensors
        places = positions.requires_grad_(True)
        energy = functional_call(model, dict(zip(names, weights, strict=True)), (places, numbers))
        (slope,) = torch.autograd.grad(energy.sum(), places)
        return energy.detach(), slope

    places = torch.rand(*shape, 3, dtype=dtype, device=device) * shape[1]
    example = (places, torch.ones(shape, dtype=torch.int64, device=device))
    weights = tuple(p.detach().clone() for p in network.parameters())
    graph = make_fx(evaluate)(*weights, *example)
    return graph, (*weights, example[0].detach(), example[1])
