"""The conformal bound keeps its promise on exchangeable data, and says so when it cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactal.errors import InputError
from reactal.uncertainty.calibration import FLOOR, Calibration, observed_coverage, points_needed

TRIALS = 3000
MONTE_CARLO = 4.0  # standard errors


def pairs(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Heteroscedastic, skewed, and overconfident by a factor that the calibration has to find."""
    disagreement = rng.lognormal(-2.0, 0.8, n)
    return disagreement, 2.5 * disagreement * rng.lognormal(0.0, 0.6, n)


@pytest.mark.parametrize(("n", "coverage"), [(9, 0.9), (14, 0.9), (40, 0.9), (19, 0.95), (7, 0.8)])
def test_coverage_of_new_points_is_what_the_theory_says(n: int, coverage: float) -> None:
    """Coverage over calibration sets is exactly ceil((n + 1) c) / (n + 1)."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(TRIALS):
        d, e = pairs(rng, n + 1)
        hits += bool(Calibration.fit(d[:n], e[:n], coverage=coverage).covers(d[n], e[n]))
    exact = math.ceil(round((n + 1) * coverage, 9)) / (n + 1)
    assert hits / TRIALS == pytest.approx(exact, abs=MONTE_CARLO * math.sqrt(exact * (1 - exact) / TRIALS) + 1e-9)


@pytest.mark.parametrize(("coverage", "needed"), [(0.9, 9), (0.95, 19), (0.8, 4), (0.5, 1)])
def test_too_few_points_give_no_factor(coverage: float, needed: int) -> None:
    assert points_needed(coverage) == needed
    d, e = pairs(np.random.default_rng(2), needed)
    assert Calibration.fit(d, e, coverage=coverage).factor is not None
    short = Calibration.fit(d[:-1], e[:-1], coverage=coverage)
    assert short.factor is None
    assert np.isinf(short.bound(0.1))
    assert short.trust_radius(1.0) == 0.0
    if needed > 1:
        assert short.provisional == pytest.approx((e[:-1] / np.maximum(d[:-1], FLOOR)).max())


def test_no_points_at_all() -> None:
    nothing = Calibration.fit([], [], coverage=0.9)
    assert (nothing.points, nothing.factor, nothing.provisional) == (0, None, None)


@given(st.integers(9, 60), st.floats(0.5, 5.0), st.integers(0, 1000))
def test_bound_at_the_trust_radius_is_the_error_allowed(n: int, max_error: float, seed: int) -> None:
    calibration = Calibration.fit(*pairs(np.random.default_rng(seed), n), coverage=0.9)
    radius = calibration.trust_radius(max_error)
    assert radius > calibration.floor  # at these sizes
    assert calibration.bound(radius) == pytest.approx(max_error)
    assert calibration.bound(radius * 1.01) > max_error


def test_floor_guards_against_members_that_agree_by_chance() -> None:
    calibration = Calibration.fit(np.full(20, 0.1), np.linspace(0.05, 0.3, 20), coverage=0.9)
    assert calibration.bound(0.0) == calibration.bound(FLOOR) > 0
    assert calibration.trust_radius(0.9 * float(calibration.bound(0.0))) == 0.0


def test_units_cancel() -> None:
    d, e = pairs(np.random.default_rng(3), 30)
    one, other = (Calibration.fit(s * d, s * e, coverage=0.9, floor=s * FLOOR) for s in (1.0, 1000.0))
    assert one.factor == pytest.approx(other.factor)


def test_perfect_model_is_trusted_everywhere() -> None:
    assert Calibration.fit(np.full(10, 0.1), np.zeros(10), coverage=0.9).trust_radius(1.0) == math.inf


@pytest.mark.parametrize(
    ("d", "e", "coverage"),
    [([0.1], [0.1, 0.2], 0.9), ([np.nan], [0.1], 0.9), ([0.1], [np.inf], 0.9), ([-0.1], [0.1], 0.9), ([0.1], [0.1], 1.0)],
)
def test_bad_pairs_are_refused(d: list[float], e: list[float], coverage: float) -> None:
    with pytest.raises(InputError):
        Calibration.fit(d, e, coverage=coverage)


def test_observed_coverage_never_counts_a_point_used_for_its_own_bound() -> None:
    """Rounds that drift: each is twice as bad as the one before, so that honest coverage is far below the target."""
    rng = np.random.default_rng(4)
    rounds = []
    for step in range(4):
        d = rng.uniform(0.1, 0.2, 12)
        rounds.append((d, d * 4.0**step))
    seen = observed_coverage(rounds, coverage=0.9)
    assert (seen.covered, seen.points, seen.share) == (0, 36, 0.0)  # the first round had no calibration before it
    assert observed_coverage(rounds[:1], coverage=0.9).share is None


def test_observed_coverage_is_near_the_target_without_drift() -> None:
    rng = np.random.default_rng(5)
    seen = observed_coverage([pairs(rng, 20) for _ in range(40)], coverage=0.9)
    low, high = seen.interval()
    assert seen.points == 39 * 20
    assert low < 0.9 < high
    assert 0.85 < low < high < 0.95
