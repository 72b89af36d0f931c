"""Bounds that tell elements apart."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.uncertainty.by_element import ElementBound


def structures(n: int, *, seed: int = 0, factors: dict[str, float] | None = None) -> list[dict[str, tuple[float, float]]]:
    """Errors of each element are half-normal, about its own multiple of the disagreement wide."""
    rng = np.random.default_rng(seed)
    points = []
    for _ in range(n):
        d = {name: float(rng.lognormal(-2.0, 0.4)) + 0.01 for name in factors or {"H": 1.0, "C": 6.0}}
        points.append(
            {name: (d[name], abs(rng.normal()) * factor * d[name]) for name, factor in (factors or {"H": 1.0, "C": 6.0}).items()}
        )
    return points


def test_each_element_has_its_own_factor_and_keeps_its_promise() -> None:
    bound = ElementBound.fit(structures(400), coverage=0.9)
    assert bound.elements["C"].factor / bound.elements["H"].factor == pytest.approx(6.0, rel=0.25)
    for name, one in bound.elements.items():
        d, e = zip(*(point[name] for point in structures(3000, seed=1)), strict=True)
        assert one.covers(d, e).mean() == pytest.approx(0.9, abs=0.04), name


def test_a_structure_is_bound_by_its_worst_element() -> None:
    bound = ElementBound.fit(structures(60), coverage=0.9)
    assert bound.factor == bound.elements["C"].factor
    assert bound.trust_radius(0.5) == bound.elements["C"].trust_radius(0.5)
    new = structures(500, seed=3)
    worst = [max(e for _, e in point.values()) for point in new]
    doubt = [max(d for d, _ in point.values()) for point in new]
    assert (worst <= bound.bound(doubt)).mean() >= 0.87


def test_an_element_with_too_few_points_promises_nothing_for_all() -> None:
    points = [*structures(20), *structures(3, factors={"Cl": 1.0})]
    bound = ElementBound.fit(points, coverage=0.9)
    assert bound.factor is None
    assert np.isinf(bound.bound(0.1))
    assert ElementBound.fit([], coverage=0.9).trust_radius(1.0) == 0.0


def test_coverage_is_observed_on_later_rounds() -> None:
    rounds = [structures(15, seed=seed) for seed in range(6)]
    seen = ElementBound.observed(rounds, coverage=0.9)
    assert seen.points == 5 * 15 * 2
    assert seen.share == pytest.approx(0.9, abs=0.08)
