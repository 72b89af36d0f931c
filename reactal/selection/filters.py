"""What is never labelled: geometries no molecule has, and structures that are known already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.chem.elements import COVALENT_RADII
from reactal.selection.descriptors import alike, pair_distances
from reactal.selection.nearest import centred, nearest_squared, squared

__all__ = ["Distinct", "distinct", "unphysical"]

BLOCK = 1024

Bools = NDArray[np.bool_]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]


def unphysical(pool: Frames, dataset: Frames, *, contact: float, energy_window: float) -> dict[str, Bools]:
    """Masks (n,) by reason; a row has at most one.

    `not_finite`: the model's numbers are not. `contact`: two atoms closer than `contact` times their summed covalent
    radii. `energy`: predicted more than `energy_window` eV above the lowest label of the same atoms, or, without one, above
    the lowest prediction.
    """
    energy, disagreement = np.asarray(pool.extra["energy_predicted"], float), np.asarray(pool.extra["disagreement"], float)
    finite = np.isfinite(energy) & np.isfinite(disagreement) & _finite_places(pool)
    crushed = np.zeros(len(pool), dtype=bool)
    high = np.zeros(len(pool), dtype=bool)
    known = {key: dataset.energy[rows] for key, rows in alike(dataset)}
    for key, rows in alike(pool):
        crushed[rows] = _closest_ratio(pool, rows) < contact
        usable = rows[finite[rows]]
        labels = known.get(key, np.zeros(0))
        labels = labels[np.isfinite(labels)]
        if len(usable):
            lowest = labels.min() if len(labels) else energy[usable].min()
            high[usable] = energy[usable] > lowest + energy_window
    return {"not_finite": ~finite, "contact": finite & crushed, "energy": finite & ~crushed & high}


@final
@dataclass(frozen=True, eq=False)
class Distinct:
    """Rows kept, in the order they were asked for, and how many rows fell because they looked like a known or a kept one."""

    rows: Rows
    like_known: int
    like_kept: int


def distinct(pool: Frames, order: Rows, *, known: Frames, tolerance: float, most: int | None = None) -> Distinct:
    """The rows of `order` that differ from everything in `known` and from the rows kept before them; at most `most`.

    Two structures of the same atoms are one if their distances differ by less than `tolerance` angstrom (root mean
    square). Atoms keep their order: a permuted copy counts as another structure.
    """
    most = len(order) if most is None else most
    known_rows = dict(alike(known))
    place = np.full(len(pool), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    parts = []
    for key, rows in alike(pool):
        asked = rows[place[rows] >= 0]
        asked = asked[np.argsort(place[asked], kind="stable")]
        reference = pair_distances(known, known_rows.get(key, np.zeros(0, dtype=np.int64)))
        parts.append(_greedy(pool, asked, reference, tolerance=tolerance, most=most))
    rows = np.concatenate([part.rows for part in parts] or [np.zeros(0, dtype=np.int64)])
    return Distinct(
        rows=rows[np.argsort(place[rows], kind="stable")][:most],
        like_known=sum(part.like_known for part in parts),
        like_kept=sum(part.like_kept for part in parts),
    )


def _finite_places(pool: Frames) -> Bools:
    atoms = np.isfinite(pool.positions).all(axis=1)
    return np.logical_and.reduceat(atoms, pool.offsets[:-1]) if len(pool) else np.zeros(0, dtype=bool)


def _greedy(pool: Frames, order: Rows, reference: Singles, *, tolerance: float, most: int) -> Distinct:
    """`distinct` for rows of the same atoms, block by block; stops early, so the counts are of the rows looked at."""
    rows: list[int] = []
    vectors = np.zeros((0, reference.shape[1] if len(reference) else 0), dtype=np.float32)
    like_known = like_kept = 0
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        new = pair_distances(pool, block)
        limit = tolerance**2 * max(1, new.shape[1])
        seen = _close(new, reference, limit)
        repeated = ~seen & _close(new, vectors, limit)
        like_known, like_kept = like_known + int(seen.sum()), like_kept + int(repeated.sum())
        candidates = np.flatnonzero(~seen & ~repeated)
        chosen = _first_of_each(new[candidates], limit)
        rows += block[candidates[chosen]].tolist()
        like_kept += len(candidates) - len(chosen)
        vectors = np.concatenate([vectors.reshape(-1, new.shape[1]), new[candidates[chosen]]])
        if len(rows) >= most:
            break
    return Distinct(np.asarray(rows, dtype=np.int64), like_known, like_kept)


def _close(new: Singles, old: Singles, limit: float) -> Bools:
    if not len(old):
        return np.zeros(len(new), dtype=bool)
    return np.asarray(nearest_squared(*centred(new, old)) < limit)


def _first_of_each(vectors: Singles, limit: float) -> Rows:
    """Greedy within one block: the first of each crowd stays."""
    if not len(vectors):
        return np.zeros(0, dtype=np.int64)
    (about_mean,) = centred(vectors)
    near = squared(about_mean, about_mean) < limit
    free = np.ones(len(vectors), dtype=bool)
    for i in range(len(vectors)):
        if free[i]:
            free[i + 1 :] &= ~near[i, i + 1 :]
    return np.flatnonzero(free)


def _closest_ratio(pool: Frames, rows: Rows) -> Singles:
    """The shortest distance of each row in units of the summed covalent radii (n,)."""
    distances = pair_distances(pool, rows)
    if distances.shape[1] == 0:
        return np.full(len(rows), np.inf, dtype=np.float32)
    radii = np.asarray(COVALENT_RADII)[pool.numbers[pool.atoms(int(rows[0]))]]
    first, second = np.triu_indices(len(radii), 1)
    return np.asarray((distances / (radii[first] + radii[second])).min(axis=1), dtype=np.float32)
