"""Energies and slopes of a batch by one network, in eager mode or, for shapes that come again and again, replayed from a trace.

A path or a swarm of replicas asks thousands of times for batches of one shape. Then the thousand small operations of a
network and its derivative are worth tracing once (`make_fx` unrolls them, TorchScript replays them without autograd's
bookkeeping: about half the time). The numbers are the same to the bit, which a test holds, so that it does not matter what was
asked before. A replay of FieldSchNet differs in the last bit: it stays in eager mode.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache

import torch
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from reactal.potentials.architecture import Architecture, Kind
from reactal.potentials.batch import AtomBatch
from reactal.potentials.replay import Replay, replayed
from reactal.potentials.schnetpack import EnergyNetwork

__all__ = ["REPLAYED", "answer", "each_head", "eager", "energies_and_slopes", "traced"]

Model = Callable[..., torch.Tensor]  # of an AtomBatch; it knows `every_head` or `with_aside` where EnergyNetwork needs them
EnergyAndSlope = tuple[torch.Tensor, torch.Tensor]
Answer = tuple[torch.Tensor, ...]  # energies and slopes of each head, and what the network has as evidence for them
Shape = tuple[int, int, int]  # structures, atoms, pairs
REPLAYED: tuple[Kind, ...] = ("painn", "schnet", "so3net")
WORTH_TRACING = 50  # times that a shape was asked for: a trace takes as long as some hundred evaluations

_asked: Counter[tuple[Architecture, torch.dtype, torch.device, Shape]] = Counter()


def energies_and_slopes(network: EnergyNetwork, batch: AtomBatch) -> Answer:
    """Of each head: energies (heads, n) eV and their derivatives by the positions (heads, A, 3) eV/angstrom. A network that gives
    evidence adds it, numbers of each atom that `reactal.potentials.evidence` reads."""
    if batch.shift is not None or network.architecture.kind not in REPLAYED:
        return answer(network, batch, network.architecture)
    shape = (batch.structures, len(batch.numbers), len(batch.first))
    kind = (network.architecture, batch.positions.dtype, batch.positions.device, shape)
    _asked[kind] += 1
    if _asked[kind] <= WORTH_TRACING:
        return answer(network, batch, network.architecture)
    return traced(network, batch)


def answer(model: Model, batch: AtomBatch, architecture: Architecture) -> Answer:
    """As `energies_and_slopes`, by autograd."""
    if architecture.says != "evidence":
        return each_head(model, batch, heads=architecture.heads)
    positions = batch.positions.requires_grad_(True)
    energy, aside = model(batch, with_aside=True)
    (slope,) = torch.autograd.grad(energy.sum(), positions)
    return energy.detach()[None], slope[None], aside.detach()


def traced(network: EnergyNetwork, batch: AtomBatch) -> Answer:
    """As `answer`; batches without periodic images only."""
    shape = (batch.structures, len(batch.numbers), len(batch.first))
    replay = _trace(network.architecture, batch.positions.dtype, batch.positions.device, shape)
    with torch.no_grad():
        return tuple(replay(*network.parameters(), *_flat(batch, network.architecture)))


def _flat(batch: AtomBatch, architecture: Architecture) -> tuple[torch.Tensor, ...]:
    states = () if batch.states is None or not architecture.states else (batch.states,)
    return (batch.positions, batch.numbers, batch.owner, batch.first, batch.second, *states)


def eager(model: Model, batch: AtomBatch) -> EnergyAndSlope:
    """By autograd; zero slope where the energy does not depend on the positions."""
    positions = batch.positions.requires_grad_(True)
    energy = model(batch)
    if not energy.requires_grad:  # a prior that no pair is close enough to feel
        return energy, torch.zeros_like(positions)
    (slope,) = torch.autograd.grad(energy.sum(), positions)
    return energy.detach(), slope


def each_head(model: Model, batch: AtomBatch, *, heads: int) -> EnergyAndSlope:
    """As `eager`, for every head: (heads, n) and (heads, A, 3). The heads go backwards together, as one batch of gradients."""
    if heads == 1:
        energy, slope = eager(model, batch)
        return energy[None], slope[None]
    positions = batch.positions.requires_grad_(True)
    energies = model(batch, every_head=True)
    one_each = torch.eye(heads, dtype=energies.dtype, device=energies.device)
    (slopes,) = torch.autograd.grad(energies.sum(1), positions, one_each, is_grads_batched=True)
    return energies.detach(), slopes


@lru_cache(maxsize=16)
def _trace(architecture: Architecture, dtype: torch.dtype, device: torch.device, shape: Shape) -> Replay:
    """Of no network in particular: the weights are arguments, so that members and iterations share it."""
    network = EnergyNetwork(architecture).to(device, dtype).requires_grad_(False)
    names = [name for name, _ in network.named_parameters()]
    structures, atoms, pairs = shape

    def evaluate(*tensors: torch.Tensor) -> Answer:
        positions, numbers, owner, first, second, *states = tensors[len(names) :]
        weights = dict(zip(names, tensors, strict=False))
        return answer(
            lambda batch, **which: functional_call(network, weights, (batch,), which),
            AtomBatch(numbers, positions, owner, first, second, structures, states=states[0] if states else None),
            architecture,
        )

    count = torch.zeros(atoms, dtype=torch.int64, device=device)
    # atom 0 and atom 1 make every pair: an example that can be evaluated
    pair = (torch.full((pairs,), i, device=device) for i in range(2))
    states = (torch.zeros(structures, 2, dtype=torch.int64, device=device),) if architecture.states else ()
    example = (torch.rand(atoms, 3, dtype=dtype, device=device), count + 1, count, *pair, *states)
    weights = tuple(p.detach().clone() for p in network.parameters())
    graph = _with_whole_layers(make_fx(evaluate)(*weights, *example))
    plain = (*weights, example[0].detach(), *example[1:])
    return replayed(graph, plain)


def _with_whole_layers(graph: GraphModule) -> GraphModule:
    """TorchScript takes `addmm` apart into product and sum, which round differently; it leaves `linear` whole."""
    operations = torch.ops.aten
    for node in list(graph.graph.nodes):
        if node.target is operations.addmm.default and not node.kwargs:
            bias, inputs, weights = node.args
            with graph.graph.inserting_before(node):
                turned = graph.graph.call_function(operations.t.default, (weights,))
                layer = graph.graph.call_function(operations.linear.default, (inputs, turned, bias))
            node.replace_all_uses_with(layer)
            graph.graph.erase_node(node)
    graph.recompile()
    return graph
