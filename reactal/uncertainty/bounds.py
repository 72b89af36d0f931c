"""Other ways from disagreement to a bound on the force error than a factor, behind one Protocol and by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.errors import InputError
from reactal.uncertainty.calibration import FLOOR, Calibration, paired, points_needed, rank_of

__all__ = ["METHODS", "ErrorBound", "IsotonicBound", "PlainBound", "ScaledBound", "bound_by", "promise"]

Floats = NDArray[np.float64]


class ErrorBound(Protocol):
    """A bound on the largest force error of a structure, from its disagreement; both eV/angstrom."""

    @property
    def factor(self) -> float | None:
        """Error <= factor * max(disagreement, floor), where the bound has that form and there are points enough."""

    def bound(self, disagreement: ArrayLike) -> Floats:
        """The error (n,) not exceeded at the coverage asked for; infinite where nothing can be said. Never falls with the
        disagreement."""

    def trust_radius(self, max_error: float) -> float:
        """The disagreement up to which the bound stays below `max_error`; 0 if there is none, infinite if it always does."""


@final
@dataclass(frozen=True)
class PlainBound:
    """One bound for all: the conformal quantile of the errors themselves."""

    error: float | None
    factor: float | None = None

    @classmethod
    def fit(cls, disagreement: ArrayLike, error: ArrayLike, *, coverage: float) -> PlainBound:
        _, errors = paired(disagreement, error)
        rank = rank_of(len(errors), coverage)
        return cls(float(np.sort(errors)[rank - 1]) if rank <= len(errors) else None)

    def bound(self, disagreement: ArrayLike) -> Floats:
        return np.full(np.shape(disagreement), math.inf if self.error is None else self.error)

    def trust_radius(self, max_error: float) -> float:
        return math.inf if self.error is not None and self.error <= max_error else 0.0


@final
@dataclass(frozen=True)
class ScaledBound:
    """As if the largest error were half-normal with a width in proportion to the disagreement, of maximum likelihood: the factor
    is its quantile. Sharper than conformal with few points, and without its promise: real errors have longer tails."""

    factor: float | None

    @classmethod
    def fit(cls, disagreement: ArrayLike, error: ArrayLike, *, coverage: float) -> ScaledBound:
        d, e = paired(disagreement, error)
        if not len(d):
            return cls(None)
        from scipy.stats import norm

        width = math.sqrt(float(np.square(e / np.maximum(d, FLOOR)).mean()))
        return cls(width * float(norm.ppf(0.5 + 0.5 * coverage)))

    def bound(self, disagreement: ArrayLike) -> Floats:
        scale = np.maximum(np.asarray(disagreement, dtype=np.float64), FLOOR)
        return np.full_like(scale, math.inf) if self.factor is None else self.factor * scale

    def trust_radius(self, max_error: float) -> float:
        if self.factor is None or self.factor * FLOOR > max_error:
            return 0.0
        return math.inf if self.factor == 0.0 else max_error / self.factor


@final
@dataclass(frozen=True)
class IsotonicBound:
    """`scale` times a curve that rises with the disagreement: `errors` at `knots`, linear between them, level outside.

    The curve is the isotonic regression of every other point, the conformal quantile of error / curve comes from the others:
    split-conformal, so the promise holds whatever the curve. Too few points: it is None.
    """

    knots: tuple[float, ...]
    errors: tuple[float, ...]
    scale: float | None
    factor: float | None = None

    @classmethod
    def fit(cls, disagreement: ArrayLike, error: ArrayLike, *, coverage: float) -> IsotonicBound:
        d, e = paired(disagreement, error)
        learn, hold = slice(0, None, 2), slice(1, None, 2)
        rank = rank_of(len(d[hold]), coverage)
        if rank > len(d[hold]):
            return cls((), (), None)
        from sklearn.isotonic import IsotonicRegression

        curve = IsotonicRegression(out_of_bounds="clip").fit(d[learn], e[learn])
        knots, errors = curve.X_thresholds_, np.maximum(curve.y_thresholds_, FLOOR)
        ratio = np.sort(e[hold] / np.interp(d[hold], knots, errors))
        return cls(tuple(map(float, knots)), tuple(map(float, errors)), float(ratio[rank - 1]))

    def bound(self, disagreement: ArrayLike) -> Floats:
        if self.scale is None:
            return np.full(np.shape(disagreement), math.inf)
        return np.asarray(self.scale * np.interp(np.asarray(disagreement, dtype=np.float64), self.knots, self.errors))

    def trust_radius(self, max_error: float) -> float:
        if self.scale is None or self.scale * self.errors[0] > max_error:
            return 0.0
        if self.scale * self.errors[-1] <= max_error:
            return self.knots[-1]  # nothing is known of larger disagreement: level is not safe there
        above = int(np.searchsorted(self.scale * np.asarray(self.errors), max_error, side="right"))
        low, high = self.scale * self.errors[above - 1], self.scale * self.errors[above]
        part = (max_error - low) / (high - low)
        return float(self.knots[above - 1] + part * (self.knots[above] - self.knots[above - 1]))


METHODS: Mapping[str, Callable[..., ErrorBound]] = {
    "conformal": Calibration.fit,
    "plain": PlainBound.fit,
    "isotonic": IsotonicBound.fit,
    "scaled": ScaledBound.fit,
}


def bound_by(method: str, disagreement: ArrayLike, error: ArrayLike, *, coverage: float) -> ErrorBound:
    """One of METHODS, from pairs of equal length (n,), each predicted before its label was known."""
    if method not in METHODS:
        raise InputError(f"there is no calibration {method}; known are {', '.join(METHODS)}")
    return METHODS[method](disagreement, error, coverage=coverage)


def promise(method: str, points: int, coverage: float) -> str:
    """What may be said of a bound from so many points, one sentence."""
    if method == "elements":
        return f"{coverage:.0%} coverage is promised for each element with {points_needed(coverage)} points or more"
    if method == "scaled":
        return "no coverage is promised: errors are taken for Gaussian"
    needed = points_needed(coverage) * (2 if method == "isotonic" else 1)
    if points >= needed:
        return f"{coverage:.0%} coverage is promised for structures like the {points} points"
    halves = points // 2 if method == "isotonic" else points
    most = halves / (halves + 1)
    can = f"{most:.0%} at most" if halves else "nothing yet"
    return f"{points} points are too few to promise {coverage:.0%}, which takes {needed}; they can promise {can}"
