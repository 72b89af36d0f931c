"""Distances between atoms in units of what a bond between them measures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.chem.elements import COVALENT_RADII

__all__ = ["bond_lengths", "closest_contacts", "contact_ratios", "least_contact", "pair_distances", "scattered"]

Floats = NDArray[np.float64]
_RADII = np.asarray(COVALENT_RADII)


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
    distance, lengths = _padded(frames)
    return np.asarray((distance / lengths).min(axis=(1, 2)))


def scattered(frames: Frames, separation: float) -> NDArray[np.bool_]:
    """Whether a structure (n,) falls into parts that are further than `separation` angstrom from each other."""
    distance, _ = _padded(frames)
    reached = distance <= separation
    itself = np.arange(reached.shape[1])
    reached[:, itself, itself] = True
    for _ in range(max(1, len(itself).bit_length())):  # paths of twice the length each time
        reached = reached @ reached
    present = itself < frames.sizes[:, None]
    return np.asarray(~(reached[:, 0] | ~present).all(axis=1))


def _padded(frames: Frames) -> tuple[Floats, Floats]:
    """Distances (n, M, M), infinite from an atom to itself and to padding, and the bond lengths of the pairs."""
    n, largest = len(frames), int(frames.sizes.max(initial=0))
    column = np.arange(len(frames.numbers)) - np.repeat(frames.offsets[:-1], frames.sizes)
    places, radii = np.full((n, largest, 3), np.nan), np.ones((n, largest))
    places[frames.owner, column] = frames.positions
    radii[frames.owner, column] = _RADII[frames.numbers]
    distance = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1)
    itself = np.arange(largest)
    distance[:, itself, itself] = np.inf
    return np.where(np.isnan(distance), np.inf, distance), radii[:, :, None] + radii[:, None]
