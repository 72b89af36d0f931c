"""From committee disagreement to a bound on the force error: split-conformal calibration on the random arm.

Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005); with the disagreement as scale, Lei et al.,
J. Am. Stat. Assoc. 113, 1094 (2018). The bound holds for structures exchangeable with the points it was made from,
which is what the random arm is drawn for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.errors import InputError

__all__ = ["FLOOR", "Calibration", "Coverage", "observed_coverage", "paired", "points_needed", "rank_of"]

FLOOR = 0.005  # eV/angstrom; members never agree better about an unseen structure, they only seem to

Floats = NDArray[np.float64]
Fit = Callable[..., "_Bounding"]


class _Bounding(Protocol):
    def bound(self, disagreement: ArrayLike) -> Floats: ...


@final
@dataclass(frozen=True)
class Calibration:
    """error <= factor * max(disagreement, floor) with probability `coverage`.

    Both sides are the worst atom of a structure, in eV/angstrom: `disagreement` the largest force spread, `error` the
    largest norm of a force error. `factor` is None while `points` are too few for that coverage to mean anything;
    `provisional`, the largest ratio seen, then serves with no promise (None without any point).
    """

    coverage: float
    points: int
    factor: float | None
    provisional: float | None
    floor: float = FLOOR

    @classmethod
    def fit(cls, disagreement: ArrayLike, error: ArrayLike, *, coverage: float, floor: float = FLOOR) -> Calibration:
        """From pairs of equal length (n,), each predicted before its label was known. Pairs that are not finite are refused."""
        if not 0.0 < coverage < 1.0:
            raise InputError(f"coverage {coverage} is no probability between 0 and 1; 0.9 is usual")
        ratio = _ratio(disagreement, error, floor)
        n = len(ratio)
        rank = rank_of(n, coverage)
        return cls(
            coverage=coverage,
            points=n,
            factor=float(np.partition(ratio, rank - 1)[rank - 1]) if rank <= n else None,
            provisional=float(ratio.max()) if n else None,
            floor=floor,
        )

    def bound(self, disagreement: ArrayLike) -> Floats:
        """The force error not exceeded at the stated coverage (n,) eV/angstrom; infinite while `factor` is None."""
        scale = np.maximum(np.asarray(disagreement, dtype=np.float64), self.floor)
        return np.full_like(scale, np.inf) if self.factor is None else self.factor * scale

    def covers(self, disagreement: ArrayLike, error: ArrayLike) -> NDArray[np.bool_]:
        """Which errors lie within their bounds (n,)."""
        return np.asarray(error, dtype=np.float64) <= self.bound(disagreement)

    def trust_radius(self, max_error: float) -> float:
        """The disagreement up to which the bound stays below `max_error`, eV/angstrom; 0 if there is none."""
        if self.factor is None:
            return 0.0
        if self.factor * self.floor > max_error:
            return 0.0
        return math.inf if self.factor == 0.0 else max_error / self.factor


@final
@dataclass(frozen=True)
class Coverage:
    """How many of the later points fell within the bounds they were given beforehand."""

    covered: int
    points: int

    @property
    def share(self) -> float | None:
        return self.covered / self.points if self.points else None

    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson, J. Am. Stat. Assoc. 22, 209 (1927)); (0, 1) without points."""
        if not self.points:
            return 0.0, 1.0
        z, n, p = 1.959964, self.points, self.covered / self.points
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


def points_needed(coverage: float) -> int:
    """The fewest points with which a calibration at this coverage has a factor: 9 for 0.9, 19 for 0.95."""
    return math.ceil(coverage / (1.0 - coverage) - 1e-9)


def observed_coverage(rounds: Sequence[tuple[ArrayLike, ArrayLike]], *, coverage: float, fit: Fit | None = None) -> Coverage:
    """Each round of (disagreement, error) held against the calibration made from the rounds before it, never from itself.

    Rounds that came before a calibration was possible are not counted. `fit` makes it; without one, `Calibration.fit`.
    """
    covered = seen = 0
    known_d, known_e = np.zeros(0), np.zeros(0)
    for disagreement, error in rounds:
        new_d, new_e = np.atleast_1d(np.asarray(disagreement, float)), np.atleast_1d(np.asarray(error, float))
        bounds = (fit or Calibration.fit)(known_d, known_e, coverage=coverage).bound(new_d)
        if np.isfinite(bounds).all():
            covered += int((new_e <= bounds).sum())
            seen += len(new_e)
        known_d, known_e = np.append(known_d, new_d), np.append(known_e, new_e)
    return Coverage(covered, seen)


def rank_of(n: int, coverage: float) -> int:
    """Which of n sorted ratios is the bound, ceil((n + 1) coverage); there is none if it is beyond n."""
    # safe against 0.9 * 10 = 9.000000000000002
    return max(1, math.ceil((n + 1) * coverage - 1e-9))


def _ratio(disagreement: ArrayLike, error: ArrayLike, floor: float) -> Floats:
    d, e = paired(disagreement, error)
    return np.asarray(e / np.maximum(d, floor), dtype=np.float64)


def paired(disagreement: ArrayLike, error: ArrayLike) -> tuple[Floats, Floats]:
    """Both as (n,); `InputError` where they do not pair up or are no errors."""
    d, e = np.asarray(disagreement, dtype=np.float64).reshape(-1), np.asarray(error, dtype=np.float64).reshape(-1)
    if d.shape != e.shape:
        raise InputError(f"{len(d)} disagreements and {len(e)} errors do not pair up; give one of each for every structure")
    if not (np.isfinite(d).all() and np.isfinite(e).all() and (d >= 0).all() and (e >= 0).all()):
        raise InputError("disagreements and errors to calibrate on must be finite and not negative; leave failed labels out")
    return d, e
