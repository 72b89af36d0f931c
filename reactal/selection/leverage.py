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
        whole = candidates.features[among].astype(np.float64)
        middle = whole.mean(axis=0)
        whole -= middle
        before = whole[:0] if known.features is None else known.features - middle
        free = np.ones(len(among), dtype=bool)
        chosen: list[int] = []
        rest = _without(whole, before)
        while len(chosen) < min(count, len(among)):
            if np.square(rest[free]).sum() <= NOTHING_LEFT * np.square(whole).sum():
                rest = whole.copy()
                if np.square(rest[free]).sum() == 0:  # all that is left lies in the middle: one like the other
                    chosen += np.flatnonzero(free)[: min(count, len(among)) - len(chosen)].tolist()
                    break
            direction = _strongest(rest)
            row = int(np.argmax(np.where(free, np.square(rest @ direction), -1.0)))
            chosen.append(row)
            free[row] = False
            length = float(rest[row] @ rest[row])
            if length > 0:
                rest = rest - np.outer(rest @ rest[row], rest[row] / length)
        return among[chosen]


def _without(points: Floats, others: NDArray[np.floating]) -> Floats:
    """What of the points is not in the span of the others."""
    if not len(others):
        return points.copy()
    _, values, ways = np.linalg.svd(others, full_matrices=False)
    ways = ways[values > np.sqrt(NOTHING_LEFT) * max(values[0], np.finfo(float).tiny)]
    return np.asarray(points - (points @ ways.T) @ ways)


def _strongest(points: Floats) -> Floats:
    """The first right singular vector."""
    small = points.T @ points if points.shape[1] <= len(points) else points @ points.T
    _, vectors = np.linalg.eigh(small)
    way = vectors[:, -1] if points.shape[1] <= len(points) else points.T @ vectors[:, -1]
    return np.asarray(way / max(float(np.linalg.norm(way)), np.finfo(float).tiny))


def _at_least_one(value: int, name: str) -> None:
    if value < 1:
        raise ConfigError(f"{name} must be 1 at least, not {value}")
