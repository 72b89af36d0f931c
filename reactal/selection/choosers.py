"""Batches from scores: the best ones, the best ones that differ from each other, or both in a proportion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import ConfigError
from reactal.selection.base import Candidates, Known
from reactal.selection.diversity import farthest_points
from reactal.selection.nearest import centred, nearest_squared, squared

__all__ = ["Farthest", "Mixed", "Top", "best_rows", "scaled", "shortlisted"]

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


def shortlisted(scores: Floats, count: int, *, times: int) -> Rows:
    """The `times * count` rows of highest score, best first; with `times` 0 all rows as they stand."""
    return best_rows(scores, count * times) if times else np.arange(len(scores))


def scaled(values: Floats) -> Floats:
    """From 0 for the lowest to 1 for the highest; all 1 where they are equal."""
    low, high = float(values.min()), float(values.max())
    return np.ones(len(values)) if high <= low else (values - low) / (high - low)


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
        among = shortlisted(scores, count, times=self.shortlist)
        points = candidates.features[among] if self.shortlist else candidates.features
        picks, _ = farthest_points(points, count, first=int(np.argmax(scores[among])), taken=known.features)
        return among[picks]


@final
@dataclass(frozen=True)
class Mixed:
    """One after the other the candidate of highest weight * score + (1 - weight) * distance, both from 0 to 1: the distance to
    the nearest of all that is known or chosen, over the largest at the time. Among the `shortlist` times `count` best."""

    weight: float = 0.5
    shortlist: int = 32

    needs: ClassVar[tuple[str, ...]] = ("features",)

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ConfigError(f"a mixed batch has a weight between 0 (only distance) and 1 (only score), not {self.weight}")

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        assert candidates.features is not None
        if count < 1 or not len(candidates):
            return np.zeros(0, dtype=np.int64)
        among = shortlisted(scores, count, times=self.shortlist)
        before = candidates.features[:0] if known.features is None else known.features
        points, before = centred(candidates.features[among], before)
        away = nearest_squared(points, before).astype(np.float64)
        worth, free, chosen = scaled(scores[among]), np.ones(len(among), dtype=bool), []
        for _ in range(min(count, len(among))):
            farthest = away[free].max()
            distance = np.sqrt(away / farthest) if np.isfinite(farthest) and farthest > 0 else np.ones(len(among))
            best = int(np.argmax(np.where(free, self.weight * worth + (1.0 - self.weight) * distance, -np.inf)))
            chosen.append(best)
            free[best] = False
            away = np.minimum(away, squared(points, points[best : best + 1])[:, 0])
        return among[chosen]
