"""Distances between atoms in units of what a bond between them measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.chem.elements import COVALENT_RADII

__all__ = ["PairTable", "bond_lengths", "closest_contacts", "contact_ratios", "least_contact", "pair_distances", "scattered"]

Floats = NDArray[np.float64]
_RADII = np.asarray(COVALENT_RADII)
FORMED, BONDED, BROKEN = 1.15, 1.3, 1.7  # of the summed covalent radii


def bond_lengths(numbers: Sequence[int] | NDArray[np.int16]) -> Floats:
    """Summed covalent radii of all pairs i < j, (N (N - 1) / 2,) angstrom, in the order of `numpy.triu_indices`."""
    first, second = np.triu_indices(len(numbers), 1)
    radii = _RADII[np.asarray(numbers, dtype=np.int64)]
    return np.asarray(radii[first] + radii[second])


def pair_distances(positions: Floats) -> Floats:
    """Distances of all pairs i < j: (..., N, 3) to (..., N (N - 1) / 2) angstrom."""
    first, second = np.triu_indices(positions.shape[-2], 1)
    return np.asarray(np.linalg.norm(positions[..., first, :] - positions[..., second, :], axis=-1))


def contact_ratios(numbers: Sequence[int], positions: Floats) -> Floats:
    """Distances of all pairs in units of their bond length."""
    return np.asarray(pair_distances(positions) / bond_lengths(numbers))


def least_contact(numbers: Sequence[int], positions: Floats) -> Floats:
    """The shortest of `contact_ratios` of each image: (n, N, 3) to (n,); infinite for a single atom."""
    if len(numbers) < 2:
        return np.full(len(positions), np.inf)
    return np.asarray(contact_ratios(numbers, positions).min(axis=-1))


def closest_contacts(frames: Frames) -> Floats:
    """The shortest contact ratio of each structure (n,), sizes mixed; infinite for a single atom."""
    return PairTable.of(frames).closest()


def scattered(frames: Frames, separation: float) -> NDArray[np.bool_]:
    """Whether a structure (n,) falls into parts that are further than `separation` angstrom from each other."""
    return PairTable.of(frames).scattered(separation)


@final
@dataclass(frozen=True, eq=False)
class PairTable:
    """All pairs of n structures with up to M atoms: numbers (n, M), zero where a structure has fewer atoms; distance (n, M, M)
    angstrom, of nearest images in cells, infinite from an atom to itself and to what is not there; lengths (n, M, M), the summed
    covalent radii."""

    numbers: NDArray[np.int64]
    distance: Floats
    lengths: Floats

    @classmethod
    def of(cls, frames: Frames) -> PairTable:
        n, largest = len(frames), int(frames.sizes.max(initial=0))
        column = np.arange(len(frames.numbers)) - np.repeat(frames.offsets[:-1], frames.sizes)
        places, numbers = np.full((n, largest, 3), np.nan), np.zeros((n, largest), dtype=np.int64)
        places[frames.owner, column] = frames.positions
        numbers[frames.owner, column] = frames.numbers
        radii = np.where(numbers > 0, _RADII[numbers], 1.0)
        apart = places[:, :, None] - places[:, None]
        if frames.pbc is not None and frames.cell is not None and frames.pbc.any():
            apart = _nearest_images(apart, frames.cell, frames.pbc)
        distance = np.linalg.norm(apart, axis=-1)
        itself = np.arange(largest)
        distance[:, itself, itself] = np.inf
        return cls(numbers, np.where(np.isnan(distance), np.inf, distance), radii[:, :, None] + radii[:, None])

    def closest(self) -> Floats:
        """The shortest contact ratio (n,)."""
        return np.asarray((self.distance / self.lengths).min(axis=(1, 2)))

    def scattered(self, separation: float) -> NDArray[np.bool_]:
        """Whether a structure (n,) falls into parts further than `separation` angstrom from each other."""
        found = np.zeros(len(self.numbers), dtype=bool)
        # where no pair is that far there is nothing to search
        wide = np.flatnonzero(((self.distance > separation) & np.isfinite(self.distance)).any(axis=(1, 2)))
        if len(wide):
            reached = self.distance[wide] <= separation
            itself = np.arange(reached.shape[1])
            reached[:, itself, itself] = True
            for _ in range(max(1, len(itself).bit_length())):  # paths of twice the length each time
                reached = reached @ reached
            found[wide] = ~(reached[:, 0] | (self.numbers[wide] == 0)).all(axis=1)
        return found

    def reacted(self, begun: PairTable) -> NDArray[np.bool_]:
        """Whether a structure (n,) has other bonds than where it began: one broken beyond 1.7 covalent lengths, or one formed
        within 1.15. Between these a pair is what it was at the start, where 1.3 decided."""
        ratio, bonded = self.distance / self.lengths, begun.distance / begun.lengths < BONDED
        return np.asarray(((bonded & (ratio > BROKEN)) | (~bonded & (ratio < FORMED))).any(axis=(1, 2)))

    def too_close(self, distances: Sequence[tuple[int, int, float]]) -> NDArray[np.bool_]:
        """Whether a structure (n,) has a pair of these elements closer than its distance (angstrom)."""
        found = np.zeros(len(self.numbers), dtype=bool)
        for first, second, least in distances:
            pair = (self.numbers[:, :, None] == first) & (self.numbers[:, None] == second)
            found |= (pair & (self.distance < least)).any(axis=(1, 2))
        return found


def _nearest_images(apart: Floats, cells: Floats, periodic: NDArray[np.bool_]) -> Floats:
    """Differences (n, M, M, 3) angstrom, the short way in cells (n, 3, 3): by whole cell vectors in the periodic directions,
    which finds the nearest image in cells that are not very skewed. Cell vectors that are zero are no directions."""
    whole = np.where(np.asarray(periodic.any(axis=1))[:, None, None], cells, np.eye(3))
    filled = whole + np.where(np.abs(whole).max(axis=2, keepdims=True) > 0, 0.0, np.eye(3))
    along = np.einsum("nijc,nck->nijk", apart, np.linalg.inv(filled))
    return np.asarray(apart - np.einsum("nijk,nkc->nijc", np.round(along) * periodic[:, None, None], filled))
