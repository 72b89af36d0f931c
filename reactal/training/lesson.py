"""What one member is taught: targets, the rows that are kept from it, and the batches in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.device import sent
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import EnergyNetwork
from reactal.potentials.weights import Member
from reactal.training.batches import Batches, TrainingBatch, TrainingSet, shuffled
from reactal.training.continual import curvature, mixed, old_and_new, with_own_predictions
from reactal.training.fold import held_out_rows
from reactal.training.gradient import Tensors
from reactal.training.settings import TrainingSettings

__all__ = ["BatchStream", "Lesson"]

Ints = NDArray[np.int64]
BATCHES = 100  # tell what is familiar


@final
@dataclass(frozen=True, eq=False)
class BatchStream:
    """The batches of one training, made when asked for. Lightning takes any iterable for its loader."""

    data: TrainingSet
    draw: Callable[[], Iterator[Ints]]
    steps: int
    done: int = 0

    def after(self, done: int) -> BatchStream:
        """The same batches without the first `done`."""
        return replace(self, done=done)

    def on(self, device: torch.device) -> BatchStream:
        """The same batches there."""
        return replace(self, data=self.data.on(device))

    def __iter__(self) -> Iterator[TrainingBatch]:
        for rows in islice(self.draw(), self.done, None):
            yield self.data.batch(rows)


@final
@dataclass(frozen=True, eq=False)
class Lesson:
    """`held_out`: rows that decide which weights are the best, and `fold` their batch; `stiffness`: with what each parameter is
    held where it starts from, if it is."""

    stream: Batches
    references: References
    fold_number: int
    held_out: Ints
    fold: TrainingBatch | None
    stiffness: Tensors | None

    @classmethod
    def of(cls, frames: Frames, settings: TrainingSettings, *, seed: int, start: Member | None) -> Lesson:
        """From labelled frames, and from the weights to start from, if there are any."""
        references = References.fit(frames, known=start and start.references)
        number = seed if start is None else start.fold
        data = TrainingSet.of(frames, settings, references)
        held_out = held_out_rows(frames, settings, fold=number)
        fold = data.batch(held_out) if len(held_out) else None
        steps, rule = settings.steps(warm=start is not None), settings.continual
        old, new = old_and_new(frames, held_out, rule)
        stiffness = None
        if start is None or rule.kind == "none" or not len(old) or not len(new):
            draw = partial(_all_alike, np.setdiff1d(np.arange(len(data)), held_out), settings, steps=steps, seed=seed)
        else:
            if rule.kind == "distil":
                data = with_own_predictions(data, old, start.network)
            elif rule.kind == "ewc":
                stiffness = curvature(start.network, data, old, weights=settings.loss_weights, seed=seed)
            draw = partial(_new_and_old, old, new, settings, steps=steps, seed=seed)
        return cls(BatchStream(data, draw, steps), references, number, held_out, fold, stiffness)

    def on(self, device: torch.device) -> Lesson:
        """The same lesson there; what was worked out for it was worked out on the CPU."""
        fold = None if self.fold is None else self.fold.to(device)
        stiffness = None if self.stiffness is None else [sent(tensor, device) for tensor in self.stiffness]
        return replace(self, stream=self.stream.on(device), fold=fold, stiffness=stiffness)

    def member(self, network: EnergyNetwork, settings: TrainingSettings) -> Member:
        """What was taught, with all that its predictions need."""
        if network.familiarity is not None:
            network.familiarity.measure(*self._atoms(network))
        return Member(network, self.references, ScreenedRepulsion(settings.prior_reach), self.fold_number, settings.baseline)

    def _atoms(self, network: EnergyNetwork) -> tuple[torch.Tensor, torch.Tensor]:
        """Features and atomic numbers of what was learnt from, or of a part of it where that is much."""
        batches = [batch.atoms for batch in islice(self.stream.after(0), BATCHES)]
        with torch.no_grad():
            return torch.cat([network.features(batch) for batch in batches]), torch.cat([batch.numbers for batch in batches])


def _all_alike(rows: Ints, settings: TrainingSettings, *, steps: int, seed: int) -> Iterator[Ints]:
    rng = np.random.default_rng(seed)
    chosen = rng.choice(rows, len(rows)) if settings.bootstrap else rows
    return shuffled(chosen, size=settings.batch, steps=steps, rng=rng)


def _new_and_old(old: Ints, new: Ints, settings: TrainingSettings, *, steps: int, seed: int) -> Iterator[Ints]:
    rng = np.random.default_rng(seed)
    if settings.bootstrap:
        old, new = rng.choice(old, len(old)), rng.choice(new, len(new))
    return mixed(old, new, share=settings.continual.replayed, size=settings.batch, steps=steps, rng=rng)
