"""Normal numbers for many replicas: from one generator for all, or from a stream of each replica's own.

A stream of its own makes a replica's path depend on its seed and its start alone: not on who runs beside it, nor on how often the
run was interrupted. Philox is a counter: block b of seed s is there without the blocks before it.
"""

from __future__ import annotations

from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Noise", "OneStream", "OwnStreams"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 16  # steps drawn at once for a replica


class Noise(Protocol):
    """Standard normal numbers."""

    def draw(self, alive: Ints, atoms: Ints, clock: Ints) -> Floats:
        """For the atoms (A',) of the replicas `alive` (m,), each at its own step `clock` (m,): (A', 3). Asked once a step."""

    def first(self) -> Floats:
        """For the velocities at the start, all replicas: (A, 3)."""


@final
class OneStream:
    """One generator, drawn for all replicas, running or not, so that no replica's noise depends on another's fate."""

    def __init__(self, rng: np.random.Generator, *, atoms: int) -> None:
        self._rng, self._shape = rng, (atoms, 3)

    def draw(self, alive: Ints, atoms: Ints, clock: Ints) -> Floats:
        return np.asarray(self._rng.standard_normal(self._shape)[atoms])

    def first(self) -> Floats:
        return np.asarray(self._rng.standard_normal(self._shape))


@final
class OwnStreams:
    """A stream for each replica: seeds (n,), sizes (n,) in atoms."""

    def __init__(self, seeds: Ints, *, sizes: Ints) -> None:
        self._seeds, self._sizes = seeds, sizes
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._held = np.full(len(seeds), -1)  # the block of each replica that is in the table
        self._table = np.zeros((BLOCK, int(self._starts[-1]), 3))

    def draw(self, alive: Ints, atoms: Ints, clock: Ints) -> Floats:
        block = clock // BLOCK
        for replica, wanted in zip(alive[self._held[alive] != block], block[self._held[alive] != block], strict=True):
            rows = slice(self._starts[replica], self._starts[replica + 1])
            # block 0 of the stream is the start's
            self._table[:, rows] = self._stream(replica, int(wanted) + 1).standard_normal((BLOCK, self._sizes[replica], 3))
            self._held[replica] = wanted
        return np.asarray(self._table[np.repeat(clock % BLOCK, self._sizes[alive]), atoms])

    def first(self) -> Floats:
        return np.concatenate([self._stream(i, 0).standard_normal((size, 3)) for i, size in enumerate(self._sizes)])

    def _stream(self, replica: int, block: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=np.asarray([self._seeds[replica], block], dtype=np.uint64)))
