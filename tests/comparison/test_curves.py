"""The statistics against cases whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reactal.comparison.curves import area, equal_error_ratio, interval, labels_to_reach, ratio_interval

LABELS = (10, 20, 40, 80)


def power_law(scale: float, exponent: float) -> list[float]:
    return [scale * n**-exponent for n in LABELS]


@pytest.mark.parametrize("target_at", [10.0, 15.0, 33.0, 80.0])
def test_labels_between_rounds_follow_a_power_law(target_at: float) -> None:
    curve = power_law(3.0, 0.7)
    assert labels_to_reach(LABELS, curve, 3.0 * target_at**-0.7) == pytest.approx(target_at)


def test_a_target_that_is_never_reached_has_no_labels() -> None:
    assert math.isnan(labels_to_reach(LABELS, power_law(1.0, 0.5), 1e-3))


def test_the_first_crossing_counts_where_a_curve_rises_again() -> None:
    assert labels_to_reach(LABELS, (1.0, 0.5, 0.8, 0.4), 0.5) == 20.0


@pytest.mark.parametrize("factor", [0.4, 0.7, 1.0, 1.6])
def test_a_curve_that_is_shifted_by_a_factor_of_labels_has_that_ratio(factor: float) -> None:
    """error_a(factor * n) = error_b(n) for power laws, whichever of the two is better."""
    peer = power_law(1.0, 0.8)
    ours = [error * factor**0.8 for error in peer]
    assert equal_error_ratio(LABELS, ours, peer) == pytest.approx(factor)


def test_swapping_two_curves_inverts_their_ratio() -> None:
    a, b = (1.0, 0.4, 0.35, 0.2), (1.0, 0.8, 0.5, 0.3)
    assert equal_error_ratio(LABELS, a, b) == pytest.approx(1 / equal_error_ratio(LABELS, b, a))


def test_the_interval_of_ratios_is_symmetric_under_inversion() -> None:
    ratios = np.array([0.5, 0.7, 0.9, 1.2, 0.8])
    there, back = ratio_interval(ratios), ratio_interval(1 / ratios)
    assert there.mean == pytest.approx(float(np.exp(np.log(ratios).mean())))
    assert there.mean is not None and back.mean == pytest.approx(1 / there.mean)
    assert there.low is not None and there.high is not None and there.low < there.mean < there.high


def test_intervals_hold_what_they_promise() -> None:
    """Of many sets of five seeds from a known law, about 95 % of the intervals hold its mean."""
    rng = np.random.default_rng(0)
    held = 0
    for draw in rng.normal(1.0, 0.2, (300, 5)):
        found = interval(draw)
        assert found.low is not None and found.high is not None
        held += found.low <= 1.0 <= found.high
    assert 0.88 < held / 300 < 0.99


def test_two_seeds_have_no_interval() -> None:
    assert (interval([1.0, 2.0]).mean, interval([1.0, 2.0]).low) == (1.5, None)
    assert interval([]).mean is None


def test_the_area_is_the_mean_error_over_the_budget() -> None:
    assert area((10, 20, 40), (2.0, 2.0, 2.0)) == 2.0
    assert area((0, 10), (1.0, 0.0)) == 0.5
