"""Farthest-point sampling against its definition and its proven bound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from reactal.selection.diversity import farthest_points


def covering_radius(points: np.ndarray, chosen: np.ndarray) -> float:
    return float(np.linalg.norm(points[:, None] - points[None, chosen], axis=2).min(axis=1).max())


@pytest.mark.parametrize("seed", range(5))
def test_within_twice_the_best_possible_radius(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(14, 2)).astype(np.float32)
    rows, _ = farthest_points(points, 4, first=0)
    best = min(covering_radius(points, np.array(some)) for some in itertools.combinations(range(14), 4))
    assert covering_radius(points, rows) <= 2.0 * best + 1e-5


@pytest.mark.parametrize("taken", [0, 30])
def test_every_pick_is_the_farthest_at_its_time(taken: int) -> None:
    rng = np.random.default_rng(3)
    points, before = rng.normal(size=(400, 12)).astype(np.float32), rng.normal(size=(taken, 12)).astype(np.float32)
    rows, gaps = farthest_points(points, 20, first=7, taken=before)
    assert rows[0] == 7
    for i in range(1, 20):
        seen = np.concatenate([before, points[rows[:i]]])
        nearest = np.linalg.norm(points[:, None] - seen[None], axis=2).min(axis=1)
        assert nearest[rows[i]] == pytest.approx(nearest.max(), rel=1e-4)
        assert gaps[i] == pytest.approx(nearest.max(), rel=1e-3)


def plain_farthest(points: np.ndarray, count: int, first: int) -> tuple[list[int], list[float]]:
    """The definition, measuring every point every time."""
    rows, gaps = [first], [np.inf]
    nearest = np.full(len(points), np.inf)
    for _ in range(count - 1):
        nearest = np.minimum(nearest, np.linalg.norm(points - points[rows[-1]], axis=1))
        rows.append(int(nearest.argmax()))
        gaps.append(float(nearest.max()))
    return rows, gaps


@pytest.mark.parametrize("kind", ["cloud", "walk", "clusters"])
def test_lazy_bounds_give_the_exact_picks(kind: str) -> None:
    """Large enough that most points are never measured twice."""
    rng = np.random.default_rng(11)
    points = {
        "cloud": lambda: rng.normal(size=(9000, 10)),
        "walk": lambda: np.cumsum(rng.normal(size=(9000, 10)), axis=0),
        "clusters": lambda: rng.normal(size=(30, 10))[rng.integers(0, 30, 9000)] * 20 + rng.normal(size=(9000, 10)),
    }[kind]()
    rows, gaps = farthest_points(points.astype(np.float32), 60, first=5)
    wanted, distances = plain_farthest(points, 60, 5)
    assert rows.tolist() == wanted
    np.testing.assert_allclose(gaps, distances, rtol=1e-3)


def test_coinciding_points_are_picked_once() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    rows, _ = farthest_points(points, 15, first=2)
    assert sorted(rows // 5) == [0, 1, 2]


def test_far_from_the_origin_small_differences_still_count() -> None:
    points = np.full((6, 4), 300.0, dtype=np.float32)
    points[:, 0] += np.array([0, 1, 2, 3, 4, 10]) * 0.01
    rows, _ = farthest_points(points, 3, first=0)
    assert rows.tolist() == [0, 5, 4]
