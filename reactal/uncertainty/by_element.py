"""A conformal bound for each element: hydrogen's errors say little of carbon's (Mondrian conformal prediction)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.uncertainty.calibration import FLOOR, Calibration, Coverage, observed_coverage

__all__ = ["ElementBound", "ElementPairs"]

Floats = NDArray[np.float64]
ElementPairs = Mapping[str, tuple[float, float]]  # of one structure: element -> disagreement and error of its worst atom


@final
@dataclass(frozen=True)
class ElementBound:
    """The worst atom of an element errs by at most the element's factor times its disagreement, with the coverage asked for in
    each element. For a whole structure the largest factor bounds the largest error, which no fewer structures keep to."""

    elements: Mapping[str, Calibration]

    @classmethod
    def fit(cls, points: Sequence[ElementPairs], *, coverage: float) -> ElementBound:
        """From structures, each predicted before its label was known."""
        return cls({name: Calibration.fit(*_columns(points, name), coverage=coverage) for name in _elements(points)})

    @property
    def factor(self) -> float | None:
        """Of the element with the largest; None while any has too few points."""
        factors = [one.factor for one in self.elements.values()]
        known = [factor for factor in factors if factor is not None]
        return max(known) if known and len(known) == len(factors) else None

    def bound(self, disagreement: ArrayLike) -> Floats:
        scale = np.maximum(np.asarray(disagreement, dtype=np.float64), FLOOR)
        return np.full_like(scale, math.inf) if self.factor is None else self.factor * scale

    def trust_radius(self, max_error: float) -> float:
        """Where the first element's bound reaches `max_error`."""
        return min((one.trust_radius(max_error) for one in self.elements.values()), default=0.0)

    @staticmethod
    def observed(rounds: Sequence[Sequence[ElementPairs]], *, coverage: float) -> Coverage:
        """Each round held against the bounds from the rounds before it, all elements counted together."""
        covered = seen = 0
        for name in _elements([point for one in rounds for point in one]):
            found = observed_coverage([_columns(one, name) for one in rounds], coverage=coverage)
            covered, seen = covered + found.covered, seen + found.points
        return Coverage(covered, seen)


def _elements(points: Sequence[ElementPairs]) -> list[str]:
    return sorted({name for point in points for name in point})


def _columns(points: Sequence[ElementPairs], element: str) -> tuple[list[float], list[float]]:
    pairs = [point[element] for point in points if element in point]
    return [d for d, _ in pairs], [e for _, e in pairs]
