"""Structures as vectors that do not change under translation, rotation and reflection.

Atoms keep their order within a campaign, so interatomic distances in that order compare two structures of equal atoms.
Frames of mixed composition are compared by a fixed-length histogram of distances by pair of elements.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames

__all__ = ["alike", "describe", "histogram", "pair_distances", "positions_of"]

CENTRES = np.linspace(0.6, 6.0, 28)  # angstrom
WIDTH = 0.2  # angstrom, the spacing of the centres
PAIRS_PER_BLOCK = 2_000_000  # bounds the memory of one pass

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]


def alike(frames: Frames) -> list[tuple[bytes, Rows]]:
    """Rows whose atoms agree in order, charge and multiplicity, ascending, under a key that is the same in other frames."""
    groups: list[tuple[bytes, Rows]] = []
    sizes = frames.sizes
    for atoms in np.unique(sizes):
        rows = np.flatnonzero(sizes == atoms)
        numbers = frames.numbers[frames.offsets[rows][:, None] + np.arange(atoms)]
        state = np.column_stack([frames.charge[rows], frames.multiplicity[rows], numbers]).astype(np.int16)
        kinds, which = np.unique(state, axis=0, return_inverse=True)
        groups += [(kind.tobytes(), rows[which.reshape(-1) == i]) for i, kind in enumerate(kinds)]
    return groups


def positions_of(frames: Frames, rows: Rows) -> Floats:
    """Positions (n, N, 3) of rows that have equally many atoms."""
    atoms = _atoms(frames, rows)
    return np.asarray(frames.positions[frames.offsets[rows][:, None] + np.arange(atoms)])


def pair_distances(frames: Frames, rows: Rows) -> Singles:
    """Interatomic distances (n, N (N - 1) / 2) angstrom of rows that have equally many atoms; the nearest image in a cell."""
    first, second = np.triu_indices(_atoms(frames, rows), 1)
    out = np.empty((len(rows), len(first)), dtype=np.float32)
    for block in _blocks(len(rows), max(1, PAIRS_PER_BLOCK // max(1, len(first)))):
        places = positions_of(frames, rows[block])
        vectors = places[:, first] - places[:, second]
        out[block] = np.linalg.norm(_nearest_images(frames, rows[block], vectors), axis=2)
    return out


def describe(pool: Frames, reference: Frames) -> tuple[Singles, Singles]:
    """Vectors of both in one space, for diversity: the euclidean distance says how different two structures are.

    Inverse distances where all atoms agree, because what happens at a bond matters more than what happens far away.
    """
    keys = {key for frames in (pool, reference) for key, _ in alike(frames)}
    if len(keys) == 1:
        return _inverse(pool), _inverse(reference)
    elements = np.unique(np.concatenate([pool.numbers, reference.numbers]))
    return histogram(pool, elements), histogram(reference, elements)


def histogram(frames: Frames, elements: NDArray[np.int16]) -> Singles:
    """Smooth histograms of distances, one for each pair of elements, with atom counts, charge and multiplicity: (n, F)."""
    kinds = len(elements)
    out = np.zeros((len(frames), kinds * (kinds + 1) // 2 * len(CENTRES) + kinds + 2), dtype=np.float32)
    slot = np.zeros((kinds, kinds), dtype=np.int64)
    slot[np.triu_indices(kinds)] = np.arange(kinds * (kinds + 1) // 2)
    for _, rows in alike(frames):
        kind = np.searchsorted(elements, frames.numbers[frames.atoms(int(rows[0]))])
        first, second = np.triu_indices(len(kind), 1)
        slots = slot[np.minimum(kind[first], kind[second]), np.maximum(kind[first], kind[second])]
        distances = pair_distances(frames, rows)
        for pair in np.unique(slots):
            some = distances[:, slots == pair]
            for number, centre in enumerate(CENTRES):  # a loop, so that memory stays that of the distances
                out[rows, pair * len(CENTRES) + number] = (np.exp(-0.5 * ((some - centre) / WIDTH) ** 2) / some).sum(axis=1)
        out[rows, -kinds - 2 : -2] = np.bincount(kind, minlength=kinds)
    out[:, -2], out[:, -1] = frames.charge, frames.multiplicity
    return out


def _atoms(frames: Frames, rows: Rows) -> int:
    return int(frames.offsets[rows[0] + 1] - frames.offsets[rows[0]]) if len(rows) else 0


def _inverse(frames: Frames) -> Singles:
    if not len(frames):
        return np.zeros((0, 0), dtype=np.float32)
    distances = pair_distances(frames, np.arange(len(frames)))
    return np.asarray(1.0 / np.maximum(distances, 0.1), dtype=np.float32)


def _nearest_images(frames: Frames, rows: Rows, vectors: Floats) -> Floats:
    """In fractional coordinates; exact for cells that are not strongly skewed."""
    if frames.cell is None or frames.pbc is None:
        return vectors
    periodic = frames.pbc[rows] & frames.cell[rows].any(axis=2)
    cells = np.where(periodic[:, :, None], frames.cell[rows], np.eye(3))
    fractions = np.einsum("npk,nkl->npl", vectors, np.linalg.inv(cells))
    fractions -= np.where(periodic[:, None, :], np.rint(fractions), 0.0)
    return np.asarray(np.einsum("npk,nkl->npl", fractions, cells))


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
