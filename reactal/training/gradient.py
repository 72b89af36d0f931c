"""The loss of a batch and its gradient, in eager mode or replayed from a trace.

A step on a few small molecules is a thousand tiny operations, and most of its time is spent in bookkeeping about them.
Where all batches have the same shape, the step is traced once (energy, forces, loss, gradient: `make_fx` unrolls them into
plain operations) and replayed by TorchScript without that bookkeeping: about half the time for the same numbers. A test holds
one against the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from reactal.potentials.architecture import Architecture
from reactal.potentials.batch import AtomBatch
from reactal.potentials.replay import Replay, replayed
from reactal.potentials.schnetpack import EnergyNetwork
from reactal.training.batches import TrainingBatch
from reactal.training.beside import loss_beside, tempered
from reactal.training.compiled import compiled
from reactal.training.settings import SQUARED, Pair

__all__ = ["LossGradient", "Tensors", "deviations", "eager_gradient", "loss_of", "stacked_gradient", "traced_gradient"]

Tensors = Sequence[torch.Tensor]
LossGradient = Callable[[TrainingBatch], tuple[torch.Tensor, Tensors]]
Model = Callable[..., torch.Tensor]  # of an AtomBatch; it knows `with_aside` where its architecture says more than energies


class Form(NamedTuple):
    """What a trace is for: shapes of a batch, its device and precision, and whether products are of bfloat16."""

    shapes: tuple[tuple[int, ...], ...]
    device: torch.device
    dtype: torch.dtype
    mixed: bool

    @classmethod
    def of(cls, batch: TrainingBatch, *, mixed: bool) -> Form:
        return cls(tuple(tuple(tensor.shape) for tensor in _flat(batch)), batch.energy.device, batch.energy.dtype, mixed)


def deviations(model: Model, batch: TrainingBatch, *, differentiable: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Model less label: energy (n,) eV and forces (A, 3) eV/angstrom."""
    positions = batch.atoms.positions.requires_grad_(True)
    energy = model(batch.atoms)
    (slope,) = torch.autograd.grad(energy.sum(), positions, create_graph=differentiable)
    return energy - batch.energy, -slope - batch.forces


def _whole_loss(model: Model, batch: TrainingBatch, architecture: Architecture, weights: Pair, widths: Pair) -> torch.Tensor:
    """With what is learnt beside energies and forces, if anything is."""
    says, aside = architecture.says, []
    if says == "energy":
        return loss_of(batch, deviations(model, batch, differentiable=True), weights, widths)

    def energies(atoms: AtomBatch) -> torch.Tensor:
        energy: torch.Tensor
        energy, more = model(atoms, with_aside=True)
        aside.append(more)
        return energy

    off = deviations(energies, batch, differentiable=True)
    beside = loss_beside(off, aside[0], batch, says=says)
    return beside + loss_of(batch, tempered(off, aside[0], batch, says=says), weights, widths)


def loss_of(batch: TrainingBatch, off: tuple[torch.Tensor, torch.Tensor], weights: Pair, widths: Pair = SQUARED) -> torch.Tensor:
    """Weighted mean over structures of (energy weight) dE^2 + (force weight) mean dF^2.

    Beyond the widths (eV; eV/angstrom, of the error of an atom's force) errors count linearly, with the same slope at the edge.
    """
    force = off[1].square() if math.isinf(widths[1]) else _huber(off[1].square().sum(1, keepdim=True), widths[1])
    of_atoms = (force * batch.component_share).sum(1)
    each = (weights[0] * _huber(off[0].square(), widths[0])).index_add(0, batch.atoms.owner, weights[1] * of_atoms)
    return (each * batch.weight).sum() / batch.weight.sum()


def _huber(square: torch.Tensor, width: float) -> torch.Tensor:
    """d^2 up to the width w, 2 w |d| - w^2 beyond. Huber, Ann. Math. Stat. 35, 73 (1964)."""
    if math.isinf(width):
        return square
    edge = width**2
    # the root's slope at 0 is no number, even where it is not chosen
    return torch.where(square <= edge, square, 2 * width * square.clamp_min(edge).sqrt() - edge)


def _mixed(model: Model) -> Model:
    """Products of bfloat16; autograd goes back as it came, outside."""

    def asked(batch: AtomBatch, **more: bool) -> torch.Tensor:
        with torch.autocast(batch.positions.device.type, dtype=torch.bfloat16, cache_enabled=False):
            return model(batch, **more)

    return asked


def eager_gradient(network: EnergyNetwork, *, weights: Pair, widths: Pair = SQUARED, mixed: bool = False) -> LossGradient:
    """Loss and gradients in the order of `network.parameters()`; weights and widths as in `loss_of`; with `mixed`, from products
    of bfloat16."""
    parameters = list(network.parameters())
    model = _mixed(network) if mixed else network

    def step(batch: TrainingBatch) -> tuple[torch.Tensor, Tensors]:
        loss = _whole_loss(model, batch, network.architecture, weights, widths)
        return loss.detach(), torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)

    return step


def traced_gradient(
    network: EnergyNetwork,
    example: TrainingBatch,
    *,
    weights: Pair,
    widths: Pair = SQUARED,
    mixed: bool = False,
    machine_code: bool = False,
) -> LossGradient:
    """As `eager_gradient`, for batches of exactly the example's shape; as machine code where asked for, or `NotCompiled`."""
    parameters = list(network.parameters())
    replay = _trace(network.architecture, Form.of(example, mixed=mixed), weights, widths, machine_code)

    def step(batch: TrainingBatch) -> tuple[torch.Tensor, Tensors]:
        with torch.no_grad():
            loss, *gradients = replay(*parameters, *_flat(batch))
        return loss, gradients

    return step


def stacked_gradient(
    architecture: Architecture, example: Sequence[TrainingBatch], *, weights: Pair, widths: Pair = SQUARED, mixed: bool = False
) -> Callable[[Tensors, Sequence[TrainingBatch]], tuple[torch.Tensor, Tensors]]:
    """As `traced_gradient`, for several networks at once, of which each has a batch: from stacks of their weights (members, ...)
    to losses (members,) and stacks of slopes."""
    replay = _stack_trace(architecture, Form.of(example[0], mixed=mixed), weights, widths, len(example))

    def step(stacks: Tensors, batches: Sequence[TrainingBatch]) -> tuple[torch.Tensor, Tensors]:
        flat = [torch.stack(tensors) for tensors in zip(*(_flat(batch) for batch in batches), strict=True)]
        with torch.no_grad():
            losses, *slopes = replay(*stacks, *flat)
        return losses, slopes

    return step


@lru_cache(maxsize=16)
def _trace(architecture: Architecture, form: Form, weights: Pair, widths: Pair, machine_code: bool) -> Replay:
    """Of no network in particular: parameters and batch are its arguments, so members and iterations share it."""
    graph, plain = _graph(architecture, form, weights, widths)
    return compiled(graph, plain) if machine_code else replayed(graph, plain)


@lru_cache(maxsize=4)
def _stack_trace(architecture: Architecture, form: Form, weights: Pair, widths: Pair, members: int) -> Replay:
    """As `_trace`, of stacks of all its arguments."""
    graph, plain = _graph(architecture, form, weights, widths)
    stacks = tuple(torch.stack([tensor] * members) for tensor in plain)
    return replayed(make_fx(torch.vmap(graph))(*stacks), stacks)


def _graph(architecture: Architecture, form: Form, weights: Pair, widths: Pair) -> tuple[GraphModule, Tensors]:
    """Loss and slopes as plain operations, and arguments of the shapes that it is for."""
    network = EnergyNetwork(architecture).to(form.device, form.dtype)
    names = [name for name, _ in network.named_parameters()]

    def step(*tensors: torch.Tensor) -> Tensors:
        own = tensors[: len(names)]
        batch = _batch(tensors[len(names) :])

        def model(atoms: AtomBatch, **more: bool) -> torch.Tensor:
            said: torch.Tensor = functional_call(network, dict(zip(names, own, strict=True)), (atoms,), more)
            return said

        loss = _whole_loss(_mixed(model) if form.mixed else model, batch, architecture, weights, widths)
        return [loss, *torch.autograd.grad(loss, own, allow_unused=True, materialize_grads=True)]

    example = [*(p.detach().clone().requires_grad_(True) for p in network.parameters()), *_example(form)]
    graph = make_fx(step)(*example)
    return graph, tuple(tensor.detach() for tensor in example)


def _flat(batch: TrainingBatch) -> list[torch.Tensor]:
    atoms = batch.atoms
    whole = [atoms.positions.detach(), batch.energy, batch.forces, batch.weight, batch.component_share]
    assert atoms.states is not None  # `TrainingSet` always says them
    rest = [atoms.numbers, atoms.owner, atoms.first, atoms.second, atoms.states]
    return [*whole, *rest, *(() if atoms.shift is None else (atoms.shift,))]


def _batch(tensors: Tensors) -> TrainingBatch:
    positions, energy, forces, weight, component_share, numbers, owner, first, second, states, *shift = tensors
    offset = shift[0] if shift else None
    atoms = AtomBatch(numbers, positions, owner, first, second, len(energy), shift=offset, states=states)
    return TrainingBatch(atoms, energy, forces, weight, component_share)


def _example(form: Form) -> list[torch.Tensor]:
    """Tensors of these shapes that can be evaluated: atom 0 as the first of every pair, atom 1 as the second."""
    shapes = form.shapes
    real = [torch.rand(shape, dtype=form.dtype, device=form.device) for shape in shapes[:5]]
    whole = (torch.zeros(shape, dtype=torch.int64, device=form.device) for shape in shapes[5:10])
    shift = (torch.zeros(shape, dtype=form.dtype, device=form.device) for shape in shapes[10:])
    numbers, owner, first, second, states = whole
    return [*real, numbers + 1, owner, first, second + 1, states, *shift]
