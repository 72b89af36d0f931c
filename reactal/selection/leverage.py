"""CUR decomposition: rows that span what the whole pool spans.

Mahoney, Drineas, Proc. Natl. Acad. Sci. 106, 697 (2009); with what is chosen projected out before the next is, Imbalzano, Anelli,
Giofré, Klees, Behler, Ceriotti, J. Chem. Phys. 148, 241730 (2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import ConfigError
from reactal.selection.base import Candidates, Known, Round
from reactal.selection.choosers import shortlisted

__all__ = ["Cur", "Leverage"]

NOTHING_LEFT = 1e-10  # of the squared length that there was

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Leverage:
    """Statistical leverage: the squared length of each row of the first `rank` left singular vectors of the centred features."""

    rank: int = 16

    needs: ClassVar[tuple[str, ...]] = ("features",)

    def __post_init__(self) -> None:
        _at_least_one(self.rank, "rank")

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        assert candidates.features is not None
        points = candidates.features - candidates.features.mean(axis=0, dtype=np.float64).astype(np.float32)
        values, vectors = np.linalg.eigh((points.T @ points).astype(np.float64))
        kept = values[-self.rank :] > NOTHING_LEFT * max(values[-1], np.finfo(float).tiny)
        lengths = points @ (vectors[:, -self.rank :][:, kept] / np.sqrt(values[-self.rank :][kept])).astype(np.float32)
        return np.asarray(np.square(lengths, dtype=np.float64).sum(axis=1))


@final
@dataclass(frozen=True)
class Cur:
    """Always the candidate of highest leverage on the strongest direction that is left once the known and the chosen are
    projected out; among the `shortlist` times `count` of highest score. When nothing is left, begun anew with the others."""

    shortlist: int = 32

    needs: ClassVar[tuple[str, ...]] = ("features",)

    def __post_init__(self) -> None:
        _at_least_one(self.shortlist, "shortlist")

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        assert candidates.features is not None
        if count < 1 or not len(candidates):
            return np.zeros(0, dtype=np.int64)
        among = shortlisted(scores, count, times=self.shortlist)
        points = candidates.features[among].astype(np.float64)
        middle = points.mean(axis=0)
        points -= middle
        free = np.ones(len(among), dtype=bool)
        chosen: list[int] = []
        left = _Directions(points, None if known.features is None else known.features - middle)
        for _ in range(min(count, len(among))):
            if left.exhausted:
                left = _Directions(points[free], None)
            row = int(np.argmax(np.where(free, np.square(points @ left.strongest()), -1.0)))
            left.take(points[row])
            chosen.append(row)
            free[row] = False
        return among[np.asarray(chosen, dtype=np.int64)]


@final
class _Directions:
    """What of the space of the points (n, F) is left once some of them are projected out, by their products (F, F)."""

    def __init__(self, points: Floats, others: NDArray[np.floating] | None) -> None:
        self._products = points.T @ points
        self._whole = float(self._products.trace())
        if others is not None and len(others):
            _, values, ways = np.linalg.svd(others, full_matrices=False)
            ways = ways[values > np.sqrt(NOTHING_LEFT) * max(values[0], np.finfo(float).tiny)]
            keep = np.eye(len(self._products)) - ways.T @ ways
            self._products = keep @ self._products @ keep
        self._gone = np.zeros((0, points.shape[1])) if others is None or not len(others) else ways

    @property
    def exhausted(self) -> bool:
        return float(self._products.trace()) <= NOTHING_LEFT * self._whole

    def strongest(self) -> Floats:
        """Along which most of the points' squared lengths lies: it is at right angles to all that was taken."""
        return np.asarray(np.linalg.eigh(self._products)[1][:, -1])

    def take(self, point: Floats) -> None:
        way = point - self._gone.T @ (self._gone @ point)
        way = way - self._gone.T @ (self._gone @ way)  # once more, as Gram and Schmidt lose digits
        length = float(np.linalg.norm(way))
        if length <= np.sqrt(NOTHING_LEFT) * float(np.linalg.norm(point)):
            return
        way /= length
        self._gone = np.concatenate([self._gone, way[None]])
        there = self._products @ way
        self._products = self._products - np.outer(there, way) - np.outer(way, there) + (way @ there) * np.outer(way, way)


def _at_least_one(value: int, name: str) -> None:
    if value < 1:
        raise ConfigError(f"{name} must be 1 at least, not {value}")
