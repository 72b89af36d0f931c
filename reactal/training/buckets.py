"""Batches of mixed sizes in a few shapes, so that a step that was traced for one is used again.

A batch is filled up with a structure of weight 0, whose atoms are out of reach of each other and of all others: loss and
gradient stay what they were, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.potentials.batch import AtomBatch
from reactal.training.batches import Batches, TrainingBatch
from reactal.training.gradient import LossGradient, Tensors
from reactal.training.settings import TrainingSettings

__all__ = ["Shape", "bucketed_gradient", "padded", "replayed", "shapes_of"]

Ints = NDArray[np.int64]
Traced = Callable[[TrainingBatch], LossGradient]  # for batches of the shape of this one
SPARE = 2  # atoms: as many as a pair needs
WIDEST = 2.5  # standard deviations above the mean: one batch in a hundred is larger, and pays for itself alone
FAR = 1e3  # angstrom, beyond every cutoff


@final
@dataclass(frozen=True, order=True)
class Shape:
    """Of a filled batch: atoms, pairs and structures, the filling among them."""

    atoms: int
    pairs: int
    structures: int

    def holds(self, batch: TrainingBatch) -> bool:
        fits = len(batch.atoms.numbers) + SPARE <= self.atoms and len(batch.atoms.first) <= self.pairs
        return fits and batch.atoms.structures + 1 == self.structures


def shapes_of(atoms: Ints, pairs: Ints, *, size: int, levels: int) -> tuple[Shape, ...]:
    """At most `levels`, the smallest first, for batches of `size` rows drawn from rows with so many atoms and pairs each."""
    spreads = np.linspace(0.0, WIDEST, levels + 1)[1:]
    columns = []
    for counts in (atoms, pairs):
        most = size * int(counts.max())
        likely = size * counts.mean() + spreads * counts.std() * np.sqrt(size)
        columns.append(np.minimum(np.ceil(likely).astype(np.int64), most).tolist())
    return tuple(sorted({Shape(a + SPARE, p, size + 1) for a, p in zip(*columns, strict=True)}))


def padded(batch: TrainingBatch, shape: Shape) -> TrainingBatch:
    """The batch, which the shape holds, with a structure of weight 0 as its last."""
    own = batch.atoms
    here, missing = len(own.numbers), shape.pairs - len(own.first)
    extra = shape.atoms - here
    positions = own.positions.new_zeros(extra, 3)
    positions[:, 0] = FAR * torch.arange(1, extra + 1, dtype=positions.dtype, device=positions.device)
    atoms = AtomBatch(
        numbers=torch.cat([own.numbers, own.numbers[:1].expand(extra)]),
        positions=torch.cat([own.positions.detach(), positions]),
        owner=torch.cat([own.owner, own.owner.new_full((extra,), own.structures)]),
        first=torch.cat([own.first, own.first.new_full((missing,), here)]),
        second=torch.cat([own.second, own.second.new_full((missing,), here + 1)]),
        structures=shape.structures,
        shift=None if own.shift is None else torch.cat([own.shift, own.shift.new_zeros(missing, 3)]),
        states=None if own.states is None else torch.cat([own.states, own.states.new_zeros(1, own.states.shape[1])]),
    )
    return replace(
        batch,
        atoms=atoms,
        energy=_longer(batch.energy, 1),
        forces=_longer(batch.forces, extra),
        weight=_longer(batch.weight, 1),
        component_share=_longer(batch.component_share, extra),
    )


def _longer(tensor: torch.Tensor, more: int) -> torch.Tensor:
    return torch.cat([tensor, tensor.new_zeros(more, *tensor.shape[1:])])


def bucketed_gradient(shapes: Sequence[Shape], *, eager: LossGradient, traced: Traced) -> LossGradient:
    """As `eager`, from traces for these shapes, each made by `traced` when a batch first needs it; `eager` where none fits."""
    traces: dict[Shape, LossGradient] = {}

    def step(batch: TrainingBatch) -> tuple[torch.Tensor, Tensors]:
        shape = next((shape for shape in shapes if shape.holds(batch)), None)
        if shape is None:
            return eager(batch)
        filled = padded(batch, shape)
        if shape not in traces:
            traces[shape] = traced(filled)
        return traces[shape](filled)

    return step


def replayed(stream: Batches, settings: TrainingSettings, *, eager: LossGradient, traced: Traced) -> LossGradient:
    """From traces, where there are steps enough to repay them."""
    rows = stream.data
    if rows.uniform:
        return traced(next(iter(stream))) if stream.steps >= settings.trace_from else eager
    # what is learnt beside energies is averaged over a batch as it is, without any filling
    if not settings.buckets or stream.steps < settings.trace_from * settings.buckets or settings.architecture.says != "energy":
        return eager
    size = min(settings.batch, len(rows))
    shapes = shapes_of(rows.atom_counts, rows.pair_counts, size=size, levels=settings.buckets)
    return bucketed_gradient(shapes, eager=eager, traced=traced)
