"""Hills and valleys of profiles written by hand."""

from __future__ import annotations

import pytest

from reactal.exploration.profile import profile_extrema


def test_one_hill() -> None:
    maxima, minima = profile_extrema([0.0, 0.5, 1.2, 0.7, 0.3])
    assert [(hill.index, hill.energy) for hill in maxima] == [(2, 1.2)]
    assert maxima[0].depth == pytest.approx(0.9)
    assert minima == ()


def test_a_valley_between_two_hills_has_the_depth_of_its_lower_side() -> None:
    maxima, minima = profile_extrema([0.0, 1.0, 0.4, 0.8, 0.1])
    assert [hill.index for hill in maxima] == [1, 3]
    assert [(dip.index, dip.energy) for dip in minima] == [(2, 0.4)]
    assert minima[0].depth == pytest.approx(0.4)
    assert maxima[1].depth == pytest.approx(0.4)
    assert maxima[0].depth == pytest.approx(0.9)


def test_shallow_ripples_can_be_left_out() -> None:
    profile = [0.0, 0.50, 0.49, 0.51, 0.2]
    assert len(profile_extrema(profile)[1]) == 1
    assert profile_extrema(profile, least_depth=0.05)[1] == ()
    assert [hill.index for hill in profile_extrema(profile, least_depth=0.05)[0]] == [3]


def test_slopes_have_no_extrema_between_their_ends() -> None:
    assert profile_extrema([0.0, 1.0, 2.0, 3.0]) == ((), ())
    assert profile_extrema([1.0, 1.0]) == ((), ())


def test_a_flat_top_is_one_hill() -> None:
    maxima, _ = profile_extrema([0.0, 1.0, 1.0, 0.0])
    assert [hill.index for hill in maxima] == [1]
