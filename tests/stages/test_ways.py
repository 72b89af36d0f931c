"""Points on the ways down from a saddle, to be held against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.exploration.descent import Descent
from reactal.stages.ways import points_on

SADDLE = np.zeros((2, 3))


def descent(places: list[float]) -> Descent:
    """One atom moved along x to these places (angstrom)."""
    way = np.zeros((len(places), 2, 3))
    way[:, 1, 0] = places
    return Descent(way[-1], 0.0, 0.0, 0.0, way, frozenset(), arrived=True)


def test_they_part_the_way_evenly_by_length_and_not_by_steps() -> None:
    crowded = descent([0.01, 0.02, 0.03, 0.04, 0.05, 1.0, 2.0, 3.0, 4.0])
    assert points_on(SADDLE, crowded, 3)[:, 1, 0].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("count", [0, 1, 3, 20])
def test_never_the_saddle_nor_the_end_nor_one_twice(count: int) -> None:
    found = points_on(SADDLE, descent([0.1, 0.2, 0.3, 0.4]), count)[:, 1, 0].tolist()
    assert set(found) <= {0.1, 0.2, 0.3}
    assert len(found) == len(set(found)) <= count


def test_a_way_without_a_middle_has_no_points() -> None:
    assert points_on(SADDLE, descent([0.1]), 3).shape == (0, 2, 3)
