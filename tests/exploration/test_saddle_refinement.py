"""Saddles of a surface whose gradients are dear: few of them, no more than allowed, and never a number where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.exploration.hessian import hessian_of
from reactal.exploration.quasi_newton import with_curvature
from reactal.exploration.saddle import find_saddle
from reactal.exploration.saddle_refinement import refine_saddle, saddle_search
from reactal.exploration.stiffness import guess_hessian
from tests.exploration.surfaces import HILL, TWIST, WELLS, Surface, hcch, leps, leps_saddle, rotor
from tests.exploration.test_saddle import ENERGY, near_leps_saddle


def test_refined_saddle_needs_few_expensive_gradients() -> None:
    """The model is the true surface, slightly wrong: its Hessian leads the true gradient home."""
    start = near_leps_saddle()
    truth = Surface(leps)
    model = Surface(lambda x: 1.1 * leps(x) + 0.3 * (np.linalg.norm(x[:, 0] - x[:, 1], axis=1) - 1.0) ** 2)
    guess = find_saddle(model, start, start.positions)
    assert guess.refused is None
    asked = []

    def gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        asked.append(x)
        seen = truth.predict(Frames.repeat(start, x))
        return float(seen.energy[0]), seen.forces

    found = refine_saddle(gradient, guess.positions, guess.hessian, max_steps=15, force_max=0.01)
    assert found.converged
    assert found.energy == pytest.approx(leps_saddle()[1], abs=ENERGY)
    assert len(asked) == found.steps == len(found.trajectory) <= 8
    assert np.linalg.eigvalsh(found.hessian)[0] < -1


def test_refined_saddle_stops_at_its_budget() -> None:
    start = near_leps_saddle()
    truth = Surface(leps)

    def gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        seen = truth.predict(Frames.repeat(start, x))
        return float(seen.energy[0]), seen.forces

    found = refine_saddle(gradient, start.positions, guess_hessian(start.numbers, start.positions), max_steps=3, force_max=1e-6)
    assert found.steps == 3
    assert not found.converged


def test_step_to_where_there_is_no_number_is_taken_back() -> None:
    """An SCF that does not converge beyond a certain stretch: the search goes less far and still arrives."""
    start = near_leps_saddle()
    truth = Surface(leps)
    lost = []

    def gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        seen = truth.predict(Frames.repeat(start, x))
        if not lost and np.linalg.norm(x - start.positions) > 0.02:
            lost.append(x)
            return float("nan"), seen.forces
        return float(seen.energy[0]), seen.forces

    hessian = find_saddle(truth, start, start.positions).hessian
    found = refine_saddle(gradient, start.positions, hessian, max_steps=20, force_max=0.01)
    assert lost
    assert found.converged
    assert found.energy == pytest.approx(leps_saddle()[1], abs=ENERGY)


def test_nothing_but_nan_is_named() -> None:
    start = near_leps_saddle()
    asked = []

    def gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        asked.append(x)
        return (-4.0 if len(asked) == 1 else float("nan")), np.ones((3, 3))

    found = refine_saddle(gradient, start.positions, guess_hessian(start.numbers, start.positions))
    assert not found.converged
    assert found.refused is not None
    assert "no finite" in found.refused
    assert np.isfinite(found.energy)
    assert (found.positions == start.positions).all()


def test_probes_tell_a_saddle_of_second_order_and_leave_it() -> None:
    """On the perpendicular no force untwists the rotor: only a look along the modes tells."""
    start = hcch(sum(WELLS) / 2, np.pi / 2)
    truth = Surface(rotor)

    def gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        seen = truth.predict(Frames.repeat(start, x))
        return float(seen.energy[0]), seen.forces

    hessian = hessian_of(truth, start, start.positions)
    blind = refine_saddle(gradient, start.positions, hessian, max_steps=40, force_max=0.01)
    sighted = refine_saddle(gradient, start.positions, hessian, max_steps=40, force_max=0.01, probes=4)
    assert blind.converged
    assert blind.energy == pytest.approx(HILL + TWIST, abs=ENERGY)
    assert sighted.converged
    assert sighted.energy == pytest.approx(HILL, abs=ENERGY)
    assert len(sighted.trajectory) == sighted.steps <= 40
    search = saddle_search(start.positions, hessian, max_steps=40, force_max=0.01, probes=4)
    asked = [next(search)]
    with pytest.raises(StopIteration) as end:
        while True:
            asked.append(search.send([gradient(place) for place in asked[-1]]))
    assert [len(places) for places in asked[:3]] == [1, 4, 4], "the curvatures along all probed modes are asked for at once"
    assert (end.value.value.positions == sighted.positions).all()


def test_measured_curvature_replaces_the_guessed_one() -> None:
    rng = np.random.default_rng(0)
    truth, guess = (lambda m: m + m.T)(rng.normal(size=(6, 6))), np.eye(6)
    directions = np.linalg.qr(rng.normal(size=(6, 6)))[0].T[:3]
    for direction in directions:
        guess = with_curvature(guess, direction, truth @ direction)
    assert guess @ directions.T == pytest.approx(truth @ directions.T)
    assert guess == pytest.approx(guess.T)
