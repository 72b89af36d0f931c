"""Learning curves, and what one costs against another at equal error.

Everything is paired over seeds: strategies of a seed share their start set and the seeds of their networks, so that what a
seed happens to begin with falls out of the ratio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Interval", "area", "equal_error_ratio", "interval", "labels_to_reach", "ratio_interval"]

RESAMPLES = 4000
LEVEL = 0.95
FEWEST = 3  # seeds; two say nothing about their spread

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Interval:
    """A mean over n seeds with its 95 % interval; `low` and `high` are None for fewer than three seeds, all for none."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


def interval(values: ArrayLike) -> Interval:
    """By bootstrap over seeds; percentiles are widened for few as in Hesterberg, Am. Stat. 69, 371 (2015)."""
    given = np.asarray(values, dtype=np.float64).reshape(-1)
    given = given[np.isfinite(given)]
    n = len(given)
    if n < FEWEST:
        return Interval(float(given.mean()) if n else None, None, None, n)
    low, high = _percentiles(given)
    return Interval(float(given.mean()), low, high, n)


def ratio_interval(ratios: ArrayLike) -> Interval:
    """The geometric mean of one ratio a seed, and its interval: half and double are equally far from one."""
    given = np.asarray(ratios, dtype=np.float64).reshape(-1)
    given = given[np.isfinite(given) & (given > 0)]
    found = interval(np.log(given))

    def back(value: float | None) -> float | None:
        return None if value is None else math.exp(value)

    return Interval(back(found.mean), back(found.low), back(found.high), found.n)


def labels_to_reach(labels: Sequence[int], errors: Sequence[float], target: float) -> float:
    """Where the curve first comes down to the target, between two rounds by a power law; NaN where it never does."""
    for number, error in enumerate(errors):
        if error <= target:
            if number == 0 or errors[number - 1] <= error:
                return float(labels[number])
            share = math.log(errors[number - 1] / target) / math.log(errors[number - 1] / error) if error > 0 else 1.0
            return float(labels[number - 1] * (labels[number] / labels[number - 1]) ** share)
    return math.nan


def equal_error_ratio(labels: Sequence[int], ours: Sequence[float], peer: Sequence[float]) -> float:
    """Labels that `ours` needs over those that `peer` needs for the same error: the best that both of them reach.

    Below one where ours is better. Defined for every pair of curves, so that no seed in which a strategy fails falls out.
    """
    target = max(min(ours), min(peer))
    return labels_to_reach(labels, ours, target) / labels_to_reach(labels, peer, target)


def area(labels: Sequence[int], errors: Sequence[float]) -> float:
    """The mean error over the budget: the area under the learning curve by its length."""
    if len(labels) < 2:
        return float(errors[0])
    return float(np.trapezoid(errors, labels) / (labels[-1] - labels[0]))


def _percentiles(values: Floats) -> tuple[float, float]:
    from scipy.stats import norm, t

    n = len(values)
    rng = np.random.default_rng(n)
    means = values[rng.integers(0, n, (RESAMPLES, n))].mean(axis=1)
    tail = float(norm.cdf(-math.sqrt(n / (n - 1)) * t.ppf(0.5 + LEVEL / 2.0, n - 1)))
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)
