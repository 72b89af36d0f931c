"""Numbers that tell a good uncertainty from a bad one."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.uncertainty.reliability import MOST_BINS, Reliability, drift


def sample(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    spread = rng.lognormal(-1.0, 0.7, n) + 0.01
    return spread, np.abs(spread * rng.normal(size=n))


def test_an_honest_spread_has_no_calibration_error() -> None:
    honest = Reliability.of(*sample(20_000))
    assert honest.ence == pytest.approx(0.0, abs=0.04)
    assert honest.scale == pytest.approx(1.0, abs=0.03)
    assert len(honest.bins) == MOST_BINS
    assert sum(one.points for one in honest.bins) == 20_000
    for one in honest.bins:
        assert one.spread == pytest.approx(one.error, rel=0.1)


def test_a_spread_that_says_nothing_is_told_from_one_that_does() -> None:
    spread, error = sample(4000)
    blind = Reliability.of(np.random.default_rng(1).permutation(spread), error)
    seeing = Reliability.of(spread, error)
    assert abs(blind.rank_correlation) < 0.05 < 0.35 < seeing.rank_correlation
    assert blind.ence > 5 * seeing.ence


def test_a_spread_in_another_unit_is_as_good() -> None:
    spread, error = sample(2000)
    one, other = Reliability.of(spread, error), Reliability.of(20.0 * spread, error)
    assert other.scale == pytest.approx(one.scale / 20.0)
    assert (other.ence, other.sharpness) == pytest.approx((one.ence, one.sharpness))


def test_few_or_constant_points_crash_nothing() -> None:
    assert Reliability.of([], []).points == 0
    assert Reliability.of([0.1], [0.0]).rank_correlation is None
    assert Reliability.of(np.full(9, 0.1), np.arange(9.0)).rank_correlation is None


def test_drift_is_seen_where_there_is_one_and_seldom_where_there_is_none() -> None:
    alike = [drift([sample(20, seed=3 * s), sample(10, seed=3 * s + 1)]) for s in range(100)]
    assert sum(one.alarm for one in alike) <= 4
    spread, error = sample(12, seed=7)
    moved = drift([sample(20, seed=1), sample(20, seed=2), (spread, 6.0 * error)])
    assert moved.alarm
    assert moved.change > 2.0
    assert drift([sample(20)]) is None
    assert drift([sample(3), sample(5)]) is None
