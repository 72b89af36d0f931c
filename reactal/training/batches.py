"""The training set collated once, kept in memory, and cut into batches by index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, final

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.batch import AtomBatch, collate, pairs_of
from reactal.potentials.device import CPU, free_bytes, sent
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.training.settings import TrainingSettings

__all__ = ["Batches", "Rows", "TrainingBatch", "TrainingSet", "shuffled"]

Ints = NDArray[np.int64]
RESIDENT = 0.25  # of a GPU's free memory, which rows may take to stay there


@final
@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """Structures with what the network shall say of them: energy (n,) eV less references and prior, forces (A, 3) eV/angstrom
    less the prior's, weight (n,), and component_share (A, 1): 1 / (3 N) of the atom's structure."""

    atoms: AtomBatch
    energy: torch.Tensor
    forces: torch.Tensor
    weight: torch.Tensor
    component_share: torch.Tensor

    def to(self, device: torch.device) -> TrainingBatch:
        """The same on that device; itself where it is there."""
        if self.energy.device == device:
            return self
        there = {name: sent(getattr(self, name), device) for name in ("energy", "forces", "weight", "component_share")}
        return replace(self, atoms=self.atoms.to(device), **there)

    @property
    def bytes(self) -> int:
        atoms = self.atoms
        each = (self.energy, self.forces, self.weight, self.component_share, atoms.numbers, atoms.positions, atoms.owner)
        pairs = (atoms.first, atoms.second, atoms.shift, atoms.states)
        return sum(tensor.nbytes for tensor in (*each, *pairs) if tensor is not None)


class Rows(Protocol):
    """The rows that batches are drawn from, or a fair sample of them: atoms and pairs of each (n,), any of them as a batch, and
    whether any two batches of as many rows have the same shape."""

    def __len__(self) -> int: ...

    @property
    def atom_counts(self) -> Ints: ...

    @property
    def pair_counts(self) -> Ints: ...

    @property
    def uniform(self) -> bool: ...

    def batch(self, rows: Ints) -> TrainingBatch: ...


class Batches(Protocol):
    """The `steps` batches of one training, made when asked for, every time in the same order. Lightning takes any iterable for
    its loader."""

    @property
    def data(self) -> Rows: ...

    @property
    def steps(self) -> int: ...

    def after(self, done: int) -> Batches:
        """The same batches without the first `done`."""

    def on(self, device: torch.device) -> Batches:
        """The same batches there."""

    def __iter__(self) -> Iterator[TrainingBatch]: ...


@final
@dataclass(frozen=True, eq=False)
class TrainingSet:
    """All rows as one flat batch, with where each row's atoms and pairs begin. Batches are of the `device`."""

    whole: TrainingBatch
    atom_starts: Ints
    pair_starts: Ints
    device: torch.device = CPU

    def __len__(self) -> int:
        return len(self.atom_starts) - 1

    @classmethod
    def of(cls, frames: Frames, settings: TrainingSettings, references: References) -> TrainingSet:
        """From labelled frames. Pairs beyond the cutoff, where every network is zero, are left out where sizes differ."""
        cutoff = settings.architecture.cutoff
        atoms = collate(frames, cutoff, dtype=torch.float64)
        listed = [len(pairs_of(frames, i, cutoff).first) for i in range(len(frames))]
        near = atoms.vectors().norm(dim=1) < cutoff
        if len(set(listed)) == 1 and len(set(frames.sizes.tolist())) == 1:
            near[:] = True  # batches of one shape can be traced, which is worth more than a few pairs saved
        row_of_pair = torch.repeat_interleave(torch.arange(len(frames)), torch.tensor(listed))
        kept = torch.bincount(row_of_pair[near], minlength=len(frames)).numpy()
        energy, forces = _targets(frames, atoms, references, ScreenedRepulsion(settings.prior_reach))
        extra = np.asarray(frames.extra.get("weight", np.ones(len(frames))), dtype=np.float64)
        extra = np.where(np.isfinite(extra), extra, 1.0)
        weight = extra / (1 + (frames.max_force() / settings.force_scale) ** 2)
        whole = TrainingBatch(
            atoms=AtomBatch(
                numbers=atoms.numbers,
                positions=atoms.positions.to(settings.dtype),
                owner=atoms.owner,
                first=atoms.first[near],
                second=atoms.second[near],
                structures=len(frames),
                shift=None if atoms.shift is None else atoms.shift[near].to(settings.dtype),
                states=atoms.states,
            ),
            energy=energy.to(settings.dtype),
            forces=forces.to(settings.dtype),
            weight=torch.from_numpy(weight).to(settings.dtype),
            component_share=torch.from_numpy(np.repeat(1 / (3.0 * frames.sizes), frames.sizes)).to(settings.dtype)[:, None],
        )
        return cls(
            whole=whole,
            atom_starts=frames.offsets,
            pair_starts=np.concatenate([[0], np.cumsum(kept)]),
        )

    def on(self, device: torch.device) -> TrainingSet:
        """The same rows, with batches there. The rows themselves go there once and for all, unless they are too many: then each
        batch does."""
        resident = device != CPU and self.whole.bytes <= RESIDENT * free_bytes(device)
        return replace(self, whole=self.whole.to(device) if resident else self.whole, device=device)

    @property
    def uniform(self) -> bool:
        """Whether any two batches of as many rows have the same shape."""
        return len(set(self.atom_counts)) == 1 and len(set(self.pair_counts)) == 1

    @property
    def atom_counts(self) -> Ints:
        """Of each row (n,)."""
        return np.diff(self.atom_starts)

    @property
    def pair_counts(self) -> Ints:
        """Of each row (n,)."""
        return np.diff(self.pair_starts)

    def batch(self, rows: Ints) -> TrainingBatch:
        """These rows, in this order."""
        atom_rows, atom_counts = _spans(self.atom_starts, rows)
        pair_rows, pair_counts = _spans(self.pair_starts, rows)
        # what to add to an atom number of the whole set to get its number in the batch
        moved = np.concatenate([[0], np.cumsum(atom_counts)[:-1]]) - self.atom_starts[rows]
        whole = self.whole
        owners, moves = np.repeat(np.arange(len(rows)), atom_counts), np.repeat(moved, pair_counts)
        by_atom, by_pair, by_row, owner, offset = (
            sent(torch.from_numpy(numbers), whole.energy.device) for numbers in (atom_rows, pair_rows, rows, owners, moves)
        )
        batch = TrainingBatch(
            atoms=AtomBatch(
                numbers=whole.atoms.numbers[by_atom],
                positions=whole.atoms.positions[by_atom],
                owner=owner,
                first=whole.atoms.first[by_pair] + offset,
                second=whole.atoms.second[by_pair] + offset,
                structures=len(rows),
                shift=None if whole.atoms.shift is None else whole.atoms.shift[by_pair],
                states=None if whole.atoms.states is None else whole.atoms.states[by_row],
            ),
            energy=whole.energy[by_row],
            forces=whole.forces[by_atom],
            weight=whole.weight[by_row],
            component_share=whole.component_share[by_atom],
        )
        return batch.to(self.device)


def _targets(
    frames: Frames, atoms: AtomBatch, references: References, prior: ScreenedRepulsion
) -> tuple[torch.Tensor, torch.Tensor]:
    positions = atoms.positions.requires_grad_(True)
    repulsion = prior.energy(atoms)
    forces = torch.from_numpy(frames.forces.copy())
    if repulsion.requires_grad:
        forces += torch.autograd.grad(repulsion.sum(), positions)[0]
    positions.requires_grad_(False)
    return torch.from_numpy(frames.energy - references.sum(frames)) - repulsion.detach(), forces


def _spans(starts: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """The flat indices of these rows, one row after another, and how many each has."""
    counts = starts[rows + 1] - starts[rows]
    ends = np.cumsum(counts)
    inside = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
    return np.repeat(starts[rows], counts) + inside, counts


def shuffled(rows: Ints, *, size: int, steps: int, rng: np.random.Generator) -> Iterator[Ints]:
    """`steps` batches of `size` rows (fewer only where there are fewer), every row once before any comes again."""
    size = min(size, len(rows))
    waiting = np.zeros(0, dtype=np.int64)
    for _ in range(steps):
        if len(waiting) < size:
            waiting = np.concatenate([waiting, rng.permutation(rows)])
        yield waiting[:size]
        waiting = waiting[size:]
