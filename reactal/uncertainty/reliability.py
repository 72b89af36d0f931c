"""How good an uncertainty is, apart from the promise that its bound keeps: numbers to compare uncertainties by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.errors import InputError
from reactal.uncertainty.calibration import FLOOR, paired

__all__ = ["Bin", "Drift", "Reliability", "drift"]

FEWEST = 5  # points from which a rank says something
PER_BIN = 20
MOST_BINS = 10
ALARM = 0.01  # p-value below which two rounds are not alike

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Bin:
    """A part of the points with alike spreads: root mean squares of spread and error, eV/angstrom."""

    points: int
    spread: float
    error: float


@final
@dataclass(frozen=True)
class Reliability:
    """Of n pairs of spread and error, eV/angstrom.

    rank_correlation: Spearman's, 1 where the larger spread always has the larger error; None for fewer than five points or where
    one side is constant. ence: expected normalised calibration error, the mean of |error - spread| / spread over the bins (Levi,
    Gispan, Giladi, Fetaya, Sensors 22, 5540 (2022)), 0 where spread is error on average. sharpness: the mean spread. bins: the
    reliability diagram, from small to large spread, for spreads times `scale`: the one number that makes their mean square the
    errors', for a spread is a scale only up to that.
    """

    points: int
    rank_correlation: float | None
    ence: float | None
    sharpness: float | None
    scale: float | None
    bins: tuple[Bin, ...]

    @classmethod
    def of(cls, spread: ArrayLike, error: ArrayLike, *, floor: float = FLOOR) -> Reliability:
        """Spreads below `floor` count as that much."""
        d, e = paired(spread, error)
        n = len(d)
        if n == 0:
            return cls(0, None, None, None, None, ())
        d = np.maximum(d, floor)
        scale = math.sqrt(float(np.square(e).mean() / np.square(d).mean()))
        bins = tuple(_bin(scale * d[rows], e[rows]) for rows in np.array_split(np.argsort(d, kind="stable"), _count(n)))
        off = [abs(one.error - one.spread) / one.spread for one in bins if one.spread > 0]
        return cls(n, _spearman(d, e), float(np.mean(off)) if off else None, float(scale * d.mean()), scale, bins)


@final
@dataclass(frozen=True)
class Drift:
    """Whether the last round's errors stand to their disagreements as those before did: `p` of a two-sided rank test, `change`
    the ratio of the medians, above 1 where the model is less honest than it was."""

    p: float
    change: float

    @property
    def alarm(self) -> bool:
        return self.p < ALARM


def drift(rounds: Sequence[tuple[ArrayLike, ArrayLike]]) -> Drift | None:
    """The last round of (disagreement, error) against those before it (Mann, Whitney); None while a side has too few points."""
    ratios = [e / np.maximum(d, FLOOR) for d, e in (paired(*one) for one in rounds)]
    if len(ratios) < 2 or len(ratios[-1]) < 2 or sum(map(len, ratios[:-1])) < FEWEST:
        return None
    from scipy.stats import mannwhitneyu

    before, now = np.concatenate(ratios[:-1]), ratios[-1]
    usual = float(np.median(before))
    p = float(mannwhitneyu(now, before).pvalue)
    return Drift(p=p, change=float(np.median(now)) / usual if usual > 0 else math.inf)


def _count(points: int) -> int:
    if points < 1:
        raise InputError("a reliability diagram needs points")
    return max(1, min(MOST_BINS, points // PER_BIN))


def _bin(spread: Floats, error: Floats) -> Bin:
    return Bin(len(spread), math.sqrt(float(np.square(spread).mean())), math.sqrt(float(np.square(error).mean())))


def _spearman(d: Floats, e: Floats) -> float | None:
    if len(d) < FEWEST or np.ptp(d) == 0 or np.ptp(e) == 0:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(d, e).statistic)
