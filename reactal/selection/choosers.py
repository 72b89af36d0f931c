"""Batches from scores: the best ones, or the best ones that differ from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from reactal.selection.base import Candidates, Known
from reactal.selection.diversity import farthest_points

__all__ = ["Farthest", "Top", "best_rows"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


def best_rows(scores: Floats, count: int) -> Rows:
    """The `count` rows of highest score, best first; ties keep their order."""
    count = min(max(count, 0), len(scores))
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    edge = np.partition(scores, len(scores) - count)[len(scores) - count]
    rows = np.flatnonzero(scores >= edge)  # all that tie at the edge, or the order of a partition would decide
    return rows[np.argsort(-scores[rows], kind="stable")][:count]


@final
@dataclass(frozen=True)
class Top:
    """Those of highest score, however alike they are."""

    needs: ClassVar[tuple[str, ...]] = ()

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        return best_rows(scores, count)


@final
@dataclass(frozen=True)
class Farthest:
    """The one of highest score, then always the one farthest from all that is known or chosen, among the `shortlist` times
    `count` of highest score; `shortlist` 0: among all."""

    shortlist: int = 8

    needs: ClassVar[tuple[str, ...]] = ("features",)

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        assert candidates.features is not None
        if count < 1 or not len(candidates):
            return np.zeros(0, dtype=np.int64)
        if self.shortlist:
            among = best_rows(scores, count * self.shortlist)
            points, first = candidates.features[among], 0
        else:
            among, points, first = np.arange(len(candidates)), candidates.features, int(np.argmax(scores))
        picks, _ = farthest_points(points, count, first=first, taken=known.features)
        return among[picks]
