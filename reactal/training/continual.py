"""Learning new labels without forgetting the old: what batches are drawn from, and what holds the weights where they were good.

Old are the rows of earlier iterations than the newest (column `iteration`): the weights to start from were trained on those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.schnetpack import EnergyNetwork
from reactal.training.batches import TrainingBatch, TrainingSet, shuffled
from reactal.training.gradient import LossGradient, Tensors, deviations
from reactal.training.settings import Continual, Pair

__all__ = ["curvature", "held_back", "mixed", "old_and_new", "with_own_predictions"]

Ints = NDArray[np.int64]
DRAWS = 4  # random signs for each chunk of rows when curvatures are estimated
ROWS = 50  # in a chunk


def old_and_new(frames: Frames, held_out: Ints, settings: Continual) -> tuple[Ints, Ints]:
    """Row numbers to train on; no old ones where nothing tells them from the new."""
    kept = np.setdiff1d(np.arange(len(frames)), held_out)
    iteration = np.asarray(frames.extra.get("iteration", np.zeros(len(frames))))
    new = iteration[kept] == iteration.max()
    old = kept[~new]
    return old[-settings.buffer :] if settings.buffer else old, kept[new]


def mixed(old: Ints, new: Ints, *, share: float, size: int, steps: int, rng: np.random.Generator) -> Iterator[Ints]:
    """`steps` batches, each with `share` of its `size` rows from the old; of either, every row once before any comes again.

    Fewer rows only where there are fewer.
    """
    replayed = min(round(share * size), size - 1)
    streams = []
    *sources, order = rng.spawn(3)
    for rows, count, draws in zip((old, new), (replayed, size - replayed), sources, strict=True):
        if count and len(rows):
            streams.append(shuffled(rows, size=count, steps=steps, rng=draws))
    for parts in zip(*streams, strict=True):
        yield order.permutation(np.concatenate(parts))  # a head of several answers for the places that are its own


def with_own_predictions(data: TrainingSet, rows: Ints, network: EnergyNetwork) -> TrainingSet:
    """Knowledge distillation: the network's energies and forces take the place of these rows' labels.

    Li, Hoiem, IEEE Trans. Pattern Anal. Mach. Intell. 40, 2935 (2018), with the old geometries at hand.
    """
    energy, forces = data.whole.energy.clone(), data.whole.forces.clone()
    for chunk in _chunks(rows):
        batch = data.batch(chunk)
        off_energy, off_forces = deviations(network, batch, differentiable=False)
        energy[torch.from_numpy(chunk)] = (batch.energy + off_energy).detach()
        atoms = np.concatenate([np.arange(data.atom_starts[row], data.atom_starts[row + 1]) for row in chunk])
        forces[torch.from_numpy(atoms)] = (batch.forces + off_forces).detach()
    return replace(data, whole=replace(data.whole, energy=energy, forces=forces))


def curvature(network: EnergyNetwork, data: TrainingSet, rows: Ints, *, weights: Pair, seed: int) -> Tensors:
    """Diagonal of the Gauss-Newton matrix of the squared loss on these rows, for each of the network's parameters.

    This is the diagonal Fisher information where labels scatter normally about the network (Martens, J. Mach. Learn. Res. 21,
    146 (2020)), and the second derivative of the loss where it fits them. With J the slope of one prediction and random signs s,
    the mean of (sum s J)^2 is the sum of J^2, so that a whole chunk of rows needs one backward pass a draw.
    """
    parameters = list(network.parameters())
    total = [torch.zeros_like(p) for p in parameters]
    signs = torch.Generator().manual_seed(seed)
    whole = float(data.whole.weight[torch.from_numpy(rows)].sum())
    for chunk in _chunks(rows):
        batch = data.batch(chunk)
        energy, forces = deviations(network, batch, differentiable=True)
        each = (2 * batch.weight / whole).sqrt()
        of_atoms = each[batch.atoms.owner, None] * (weights[1] * batch.component_share).sqrt()
        for _ in range(DRAWS):
            signed = (_signs(energy, signs) * each * weights[0] ** 0.5 * energy).sum() + (
                _signs(forces, signs) * of_atoms * forces
            ).sum()
            slopes = torch.autograd.grad(signed, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
            torch._foreach_add_(total, [slope.square() / DRAWS for slope in slopes])
    return total


def held_back(gradient: LossGradient, parameters: Sequence[torch.Tensor], stiffness: Tensors, *, strength: float) -> LossGradient:
    """The loss and strength / 2 * stiffness * (distance of each weight from where it is now)^2, with its gradient.

    Elastic weight consolidation: Kirkpatrick et al., Proc. Natl. Acad. Sci. 114, 3521 (2017). The curvature of the old rows' loss
    is the stiffness. Weights move together, and the diagonal knows them one by one: it takes a strength of hundreds to hold them.
    """
    anchor = [p.detach().clone() for p in parameters]

    def step(batch: TrainingBatch) -> tuple[torch.Tensor, Tensors]:
        loss, gradients = gradient(batch)
        moved = [p.detach() - a for p, a in zip(parameters, anchor, strict=True)]
        pull = [strength * k * d for k, d in zip(stiffness, moved, strict=True)]
        penalty = sum((0.5 * (f * d).sum() for f, d in zip(pull, moved, strict=True)), loss.new_zeros(()))
        return loss + penalty, [g + f for g, f in zip(gradients, pull, strict=True)]

    return step


def _chunks(rows: Ints) -> list[Ints]:
    return [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]


def _signs(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(0, 2, like.shape, generator=generator).to(like.dtype) * 2 - 1
