"""Every way to a bound: what it promises it keeps, and it says what it cannot promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reactal.errors import InputError
from reactal.uncertainty.bounds import METHODS, bound_by, promise
from tests.uncertainty.test_calibration import MONTE_CARLO, pairs

PROMISING = ("conformal", "plain", "isotonic")
TRIALS = 400


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("method", PROMISING)
@pytest.mark.parametrize("n", [18, 60])
def test_coverage_of_new_points_is_what_the_theory_says(method: str, n: int) -> None:
    """Split-conformal: ceil((m + 1) c) / (m + 1), m the points that the quantile comes from."""
    random, hits = rng(), 0
    for _ in range(TRIALS):
        d, e = pairs(random, n + 1)
        hits += bool(e[n] <= bound_by(method, d[:n], e[:n], coverage=0.9).bound(d[n]))
    m = n // 2 if method == "isotonic" else n
    exact = math.ceil(round((m + 1) * 0.9, 9)) / (m + 1)
    assert hits / TRIALS == pytest.approx(exact, abs=MONTE_CARLO * math.sqrt(exact * (1 - exact) / TRIALS))


@pytest.mark.parametrize("method", METHODS)
def test_bounds_never_fall_and_meet_the_error_allowed_at_the_radius(method: str) -> None:
    d, e = pairs(rng(3), 80)
    bound = bound_by(method, d, e, coverage=0.9)
    over = bound.bound(np.geomspace(1e-4, 10.0, 200))
    assert (np.diff(over) >= -1e-12).all()
    for allowed in (0.05, 0.3, 1.0, 5.0):
        radius = bound.trust_radius(allowed)
        if 0 < radius < math.inf:
            assert bound.bound(radius) <= allowed * (1 + 1e-9)
        if radius == 0.0:
            assert bound.bound(0.0) > allowed


@pytest.mark.parametrize("method", METHODS)
def test_no_points_no_bound(method: str) -> None:
    bound = bound_by(method, [], [], coverage=0.9)
    assert np.isinf(bound.bound([0.1, 1.0])).all()
    assert (bound.factor, bound.trust_radius(1.0)) == (None, 0.0)


def test_the_isotonic_curve_follows_errors_that_are_not_in_proportion() -> None:
    """Errors that level off: a factor overstates them where the disagreement is large."""
    random = rng(5)
    d = random.uniform(0.01, 2.0, 400)
    e = (1.0 - np.exp(-4.0 * d)) * random.lognormal(0.0, 0.1, 400)
    isotonic, factor = (bound_by(method, d, e, coverage=0.9) for method in ("isotonic", "conformal"))
    assert isotonic.bound(1.8) < 0.6 * factor.bound(1.8)
    assert isotonic.bound(1.8) == pytest.approx(1.13, rel=0.12)


def test_the_scaled_bound_is_the_quantile_where_errors_are_gaussian() -> None:
    random = rng(6)
    d = random.lognormal(-2.0, 0.5, 5000) + 0.02
    bound = bound_by("scaled", d, np.abs(1.7 * d * random.normal(size=5000)), coverage=0.9)
    assert bound.factor == pytest.approx(1.7 * 1.6449, rel=0.04)


@pytest.mark.parametrize(
    ("method", "points", "words"),
    [
        ("conformal", 9, "90% coverage is promised"),
        ("conformal", 5, "too few to promise 90%, which takes 9; they can promise 83% at most"),
        ("isotonic", 12, "which takes 18; they can promise 86% at most"),
        ("plain", 0, "they can promise nothing yet"),
        ("scaled", 500, "no coverage is promised"),
    ],
)
def test_what_can_be_promised_is_said(method: str, points: int, words: str) -> None:
    assert words in promise(method, points, 0.9)


def test_unknown_ways_are_refused() -> None:
    with pytest.raises(InputError, match="no calibration guess; known are conformal"):
        bound_by("guess", [1.0], [1.0], coverage=0.9)
