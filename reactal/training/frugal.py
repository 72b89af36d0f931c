"""A batch that does not fit into the device's memory is computed in parts: the same gradient, in more time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import final

import torch

from reactal.potentials.device import give_back, memory_is_short
from reactal.training.batches import TrainingBatch
from reactal.training.gradient import LossGradient, Tensors

__all__ = ["FrugalGradient", "parts_of"]


def parts_of(batch: TrainingBatch, rows: int) -> Iterator[TrainingBatch]:
    """Runs of at most so many structures, in order."""
    atoms = batch.atoms
    of_pair = atoms.owner.index_select(0, atoms.first)
    for start in range(0, atoms.structures, rows):
        stop = min(start + rows, atoms.structures)
        own, pairs = (owner.ge(start) & owner.lt(stop) for owner in (atoms.owner, of_pair))
        before = int(atoms.owner.lt(start).sum())
        part = replace(
            atoms,
            numbers=atoms.numbers[own],
            positions=atoms.positions.detach()[own],
            owner=atoms.owner[own] - start,
            first=atoms.first[pairs] - before,
            second=atoms.second[pairs] - before,
            structures=stop - start,
            shift=None if atoms.shift is None else atoms.shift[pairs],
            states=None if atoms.states is None else atoms.states[start:stop],
        )
        energy, weight = batch.energy[start:stop], batch.weight[start:stop]
        yield TrainingBatch(part, energy, batch.forces[own], weight, batch.component_share[own])


@final
class FrugalGradient:
    """`whole` until a batch is too large for it, then `of_parts` on halves of it, quarters and so on, `least` structures or a
    multiple of that in each; what worked is tried first with the next batch. `tell` is given a sentence whenever it halves."""

    def __init__(self, whole: LossGradient, of_parts: LossGradient, *, least: int, tell: Callable[[str], None]) -> None:
        self._whole, self._of_parts, self._least, self._tell = whole, of_parts, least, tell
        self._rows: int | None = None

    def __call__(self, batch: TrainingBatch) -> tuple[torch.Tensor, Tensors]:
        while True:
            try:
                return self._whole(batch) if self._rows is None else self._in_parts(batch, self._rows)
            except RuntimeError as error:
                if not memory_is_short(error):
                    raise
                rows = min(self._rows or batch.atoms.structures, batch.atoms.structures)
                self._rows = self._half(rows, error)
            give_back(batch.energy.device)

    def _half(self, rows: int, error: Exception) -> int:
        half = -(-rows // (2 * self._least)) * self._least
        if half >= rows:
            raise error
        self._tell(f"{rows} structures at once need more memory than there is: {half} at once from here on")
        return half

    def _in_parts(self, batch: TrainingBatch, rows: int) -> tuple[torch.Tensor, Tensors]:
        """The loss is a mean by weight, and so is its gradient."""
        total = batch.weight.sum()
        loss, sums = torch.zeros_like(total), list[torch.Tensor]()
        for part in parts_of(batch, rows):
            weight = part.weight.sum()
            if not weight:
                continue
            share = weight / total
            part_loss, gradients = self._of_parts(part)
            loss += share * part_loss
            sums = [share * g for g in gradients] if not sums else [s + share * g for s, g in zip(sums, gradients, strict=True)]
        return loss, sums
