"""Doubt, difference and cost in one objective."""

from __future__ import annotations

import numpy as np

from reactal.selection.base import Candidates, Known
from reactal.selection.costs import affordable, per_core_second
from reactal.selection.strategy import strategy_named

CHEAP, DEAR = 1.0, 10.0
NOTHING = Known(features=np.array([[-5.0, 0.0]], dtype=np.float32))


def twins(*, doubt: list[float], cost: list[float]) -> Candidates:
    """Two places far from each other, with two candidates each that are all but the same."""
    places = np.array([[0.0, 0.0], [0.0, 0.01], [5.0, 0.0], [5.0, 0.01]], dtype=np.float32)
    return Candidates(disagreement=np.array(doubt), energy=np.zeros(4), features=places, cost=np.array(cost))


def picked(candidates: Candidates, **settings: object) -> list[int]:
    strategy = strategy_named("mixed", **settings)
    return sorted(strategy.pick(candidates, 2, rng=np.random.default_rng(0), known=NOTHING).tolist())


def test_of_twins_the_cheap_one_and_both_places() -> None:
    candidates = twins(doubt=[1.1, 1.0, 1.1, 1.0], cost=[DEAR, CHEAP, DEAR, CHEAP])
    assert picked(candidates) == [0, 2], "by doubt and difference alone"
    assert picked(candidates, per_cost=True) == [1, 3]


def test_much_more_doubt_is_worth_a_higher_price() -> None:
    candidates = twins(doubt=[20.0 * DEAR, 1.0, 1.0, 0.9], cost=[DEAR, CHEAP, CHEAP, CHEAP])
    assert picked(candidates, per_cost=True) == [0, 2]


def test_worth_per_second_is_counted_from_the_lowest() -> None:
    worth = per_core_second(np.array([-3.0, -1.0, 1.0]), np.array([1.0, 1.0, 4.0]))
    assert worth.tolist() == [0.0, 2.0, 1.0]


def test_one_that_does_not_fit_is_passed_over() -> None:
    assert affordable(np.array([2, 0, 1]), np.array([3.0, 1.0, 9.0]), budget=5.0).tolist() == [0, 1]
