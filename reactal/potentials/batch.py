"""Structures and their atom pairs as flat tensors: what a network is evaluated on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.device import sent

__all__ = ["PAIRS_ON_GPU", "PAIRS_PER_CHUNK", "AtomBatch", "Pairs", "chunks", "collate", "pairs_of"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
ALL_PAIRS_UP_TO = 32  # atoms; below, listing every pair is cheaper than searching, and the cutoff function zeroes the rest
PAIRS_PER_CHUNK = 8_000  # about a gigabyte of activations at 32 features in float64
PAIRS_ON_GPU = 64_000  # to begin with: launching takes as long for little as for much


@final
@dataclass(frozen=True, eq=False)
class Pairs:
    """Directed pairs of one structure: first, second (P,) atom numbers, shift (P, 3) angstrom (None: no periodic image)."""

    first: Ints
    second: Ints
    shift: Floats | None = None


@final
@dataclass(frozen=True, eq=False)
class AtomBatch:
    """n structures, A atoms, P pairs: numbers (A,), positions (A, 3) angstrom, owner (A,) structure of each atom,
    first, second (P,) atoms of each pair, shift (P, 3) angstrom or None; `structures` is n, known without a synchronisation.
    states (n, 2): charge and number of unpaired electrons of each structure, for networks that tell them apart."""

    numbers: torch.Tensor
    positions: torch.Tensor
    owner: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor
    structures: int
    shift: torch.Tensor | None = None
    states: torch.Tensor | None = None

    def vectors(self) -> torch.Tensor:
        """From first to second atom of each pair (P, 3) angstrom."""
        # index_select: its backward is one index_add, where indexing's sorts
        difference = self.positions.index_select(0, self.second) - self.positions.index_select(0, self.first)
        return difference if self.shift is None else difference + self.shift

    def to(self, device: torch.device) -> AtomBatch:
        """The same on that device; itself where it is there."""
        if self.positions.device == device:
            return self
        names = ("numbers", "positions", "owner", "first", "second", "shift", "states")
        there: dict[str, Any] = {name: sent(tensor, device) for name in names if (tensor := getattr(self, name)) is not None}
        return replace(self, **there)


@lru_cache(maxsize=64)
def _all_pairs(atoms: int) -> tuple[Ints, Ints]:
    first, second = np.nonzero(~np.eye(atoms, dtype=bool))
    return first.astype(np.int64), second.astype(np.int64)


def _periodic(frames: Frames, index: int) -> bool:
    return frames.pbc is not None and bool(frames.pbc[index].any())


def _listed(frames: Frames, index: int) -> bool:
    """Whether every pair of the structure is listed, whatever its distance."""
    return int(frames.sizes[index]) <= ALL_PAIRS_UP_TO and not _periodic(frames, index)


def _searched(frames: Frames, index: int, cutoff: float) -> Pairs:
    from ase.neighborlist import primitive_neighbor_list

    periodic = _periodic(frames, index)
    cell = frames.cell[index] if periodic and frames.cell is not None else np.eye(3)
    pbc = frames.pbc[index] if periodic and frames.pbc is not None else np.zeros(3, dtype=bool)
    first, second, image = primitive_neighbor_list("ijS", pbc, cell, frames.positions[frames.atoms(index)], cutoff)
    shift = image @ cell if periodic else None
    return Pairs(first.astype(np.int64), second.astype(np.int64), shift)


def pairs_of(frames: Frames, index: int, cutoff: float) -> Pairs:
    """Every pair within the cutoff, and for a small molecule every pair there is."""
    if _listed(frames, index):
        return Pairs(*_all_pairs(int(frames.sizes[index])))
    return _searched(frames, index, cutoff)


def collate(frames: Frames, cutoff: float, *, dtype: torch.dtype = torch.float64) -> AtomBatch:
    """One batch of all frames."""
    found = [pairs_of(frames, i, cutoff) for i in range(len(frames))]
    starts = np.repeat(frames.offsets[:-1], [len(p.first) for p in found])
    shift = None
    if any(p.shift is not None for p in found):
        shift = np.concatenate([np.zeros((len(p.first), 3)) if p.shift is None else p.shift for p in found])
    states = np.stack([frames.charge, frames.multiplicity - 1], axis=1).astype(np.int64)
    return AtomBatch(
        numbers=torch.from_numpy(frames.numbers.astype(np.int64)),
        positions=torch.tensor(frames.positions, dtype=dtype),
        owner=torch.from_numpy(frames.owner),
        first=torch.from_numpy(np.concatenate([p.first for p in found]) + starts),
        second=torch.from_numpy(np.concatenate([p.second for p in found]) + starts),
        structures=len(frames),
        shift=None if shift is None else torch.tensor(shift, dtype=dtype),
        states=torch.from_numpy(states),
    )


def chunks(frames: Frames, *, pairs: int = PAIRS_PER_CHUNK) -> Iterator[slice]:
    """Runs of structures small enough to be evaluated together, each at least one structure."""
    size = frames.sizes
    # 80 neighbours stand for the unknown number within the cutoff of a condensed structure
    cost = np.where(size <= ALL_PAIRS_UP_TO, size * (size - 1), size * 80)
    start, spent = 0, 0
    for i, price in enumerate(cost):
        if i > start and spent + int(price) > pairs:
            yield slice(start, i)
            start, spent = i, 0
        spent += int(price)
    if len(frames):
        yield slice(start, len(frames))
