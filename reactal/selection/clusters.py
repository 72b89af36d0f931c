"""Batches by clusters: a crowded part of the pool is represented, and none is represented twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import ConfigError
from reactal.selection.base import Candidates, Known
from reactal.selection.choosers import shortlisted
from reactal.selection.nearest import centred, squared

__all__ = ["KMeans", "LargestCluster"]

LEARN_FROM = 16_384  # points drawn to place the centres by; all are assigned to them
ROUNDS = 10
BLOCK = 16_384

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]


@final
@dataclass(frozen=True)
class KMeans:
    """The candidate of highest score in each of `count` clusters of the pool (k-means++, Lloyd). What is known is not looked at.

    Among the `shortlist` times `count` of highest score, or all (0).
    """

    shortlist: int = 0

    needs: ClassVar[tuple[str, ...]] = ("features",)

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        assert candidates.features is not None
        if count < 1 or not len(candidates):
            return np.zeros(0, dtype=np.int64)
        among = shortlisted(scores, count, times=self.shortlist)
        points = candidates.features if len(among) == len(candidates) else candidates.features[among]
        cluster = _assigned(points, _centres(points, min(count, len(points)), rng=rng))
        order = np.lexsort((-scores[among], cluster))
        first = np.r_[True, cluster[order][1:] != cluster[order][:-1]]
        best = among[order[first]]
        best = best[np.argsort(-scores[best], kind="stable")]
        if len(best) < min(count, len(among)):  # clusters that nobody is in: their places go by score
            rest = np.setdiff1d(among, best)
            best = np.concatenate([best, rest[np.argsort(-scores[rest], kind="stable")]])[:count]
        return best


@final
@dataclass(frozen=True)
class LargestCluster:
    """Always the point farthest from its nearest known or chosen one, in the cluster of the largest sum of squared distances.

    Holzmüller, Zaverkin, Kästner, Steinwart, J. Mach. Learn. Res. 24, 164 (2023), "LCMD". Among the `shortlist` times `count`
    of highest score.
    """

    shortlist: int = 32

    needs: ClassVar[tuple[str, ...]] = ("features",)

    def __post_init__(self) -> None:
        if self.shortlist < 1:
            raise ConfigError(f"the largest cluster is looked for in a shortlist of 1 at least, not {self.shortlist}")

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        assert candidates.features is not None
        if count < 1 or not len(candidates):
            return np.zeros(0, dtype=np.int64)
        among = shortlisted(scores, count, times=self.shortlist)
        before = candidates.features[:0] if known.features is None else known.features
        points, before = centred(candidates.features[among], before)
        chosen: list[int] = []
        if len(before):
            nearest, owner = _nearest(points, before)
        else:
            chosen.append(0)
            nearest, owner = squared(points, points[:1])[:, 0].astype(np.float64), np.zeros(len(points), dtype=np.int64)
        while len(chosen) < min(count, len(points)):
            nearest[chosen] = 0.0
            largest = int(np.argmax(np.bincount(owner, weights=nearest)))
            row = int(np.argmax(np.where(owner == largest, nearest, -1.0)))
            if nearest[row] <= 0:
                break
            away = squared(points, points[row : row + 1])[:, 0].astype(np.float64)
            owner[away < nearest] = len(before) + len(chosen)
            nearest = np.minimum(nearest, away)
            chosen.append(row)
        return among[chosen]


def _nearest(points: Singles, centres: Singles) -> tuple[Floats, Rows]:
    """Squared distance to the nearest centre, and which it is."""
    nearest, owner = np.empty(len(points)), np.empty(len(points), dtype=np.int64)
    for start in range(0, len(points), BLOCK):
        away = squared(points[start : start + BLOCK], centres)
        owner[start : start + BLOCK] = away.argmin(axis=1)
        nearest[start : start + BLOCK] = away.min(axis=1)
    return nearest, owner


def _assigned(points: Singles, centres: Singles) -> Rows:
    return _nearest(points, centres)[1]


def _centres(points: Singles, count: int, *, rng: np.random.Generator) -> Singles:
    """Of k-means, learnt from a random part of a large pool."""
    some = points if len(points) <= LEARN_FROM else points[np.sort(rng.choice(len(points), LEARN_FROM, replace=False))]
    centres = _spread_centres(some, count, rng=rng)
    for _ in range(ROUNDS):
        owner = _assigned(some, centres)
        size = np.bincount(owner, minlength=len(centres))
        held = np.flatnonzero(size)
        total = np.add.reduceat(some[np.argsort(owner, kind="stable")], (np.cumsum(size) - size)[held], axis=0, dtype=np.float64)
        moved = centres.copy()
        moved[held] = total / size[held, None]
        if np.allclose(moved, centres, rtol=1e-5, atol=1e-7):
            break
        centres = moved
    return centres


def _spread_centres(points: Singles, count: int, *, rng: np.random.Generator) -> Singles:
    """k-means++: each centre drawn with the squared distance to the nearest before it (Arthur, Vassilvitskii, SODA 2007)."""
    rows = [int(rng.integers(len(points)))]
    nearest = squared(points, points[rows])[:, 0].astype(np.float64)
    while len(rows) < count and nearest.sum() > 0:
        rows.append(int(rng.choice(len(points), p=nearest / nearest.sum())))
        nearest = np.minimum(nearest, squared(points, points[rows[-1:]])[:, 0])
    return points[rows]
