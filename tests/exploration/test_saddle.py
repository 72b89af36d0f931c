"""Saddles and descents: the known point, its one negative mode, both ends, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.exploration.descent import descend
from reactal.exploration.quasi_newton import bfgs, bofill, limited, uphill_step
from reactal.exploration.saddle import SaddleLimits, find_saddle, find_saddles
from tests.exploration.surfaces import HILL, TWIST, WELLS, BySize, Surface, h3, hcch, leps, leps_saddle, rotor

MIDDLE = sum(WELLS) / 2
ENERGY = 2e-3  # eV, at a largest force of 0.01 eV/angstrom
STRETCH = hcch(MIDDLE + 0.1).positions - hcch(MIDDLE - 0.1).positions


def near_leps_saddle() -> Structure:
    length, _ = leps_saddle()
    return h3(length - 0.06, length + 0.08, bend=0.08)


def test_leps_saddle_is_found_with_one_negative_mode() -> None:
    start = near_leps_saddle()
    saddle = find_saddle(Surface(leps), start, start.positions)
    length, energy = leps_saddle()
    assert saddle.refused is None
    assert saddle.first_order
    assert saddle.energy == pytest.approx(energy, abs=ENERGY)
    assert np.linalg.norm(np.diff(saddle.positions, axis=0), axis=1) == pytest.approx([length, length], abs=0.01)
    assert len(saddle.eigenvalues) == 4  # linear: 3 * 3 - 5
    assert saddle.eigenvalues[0] < -1 < 0 < saddle.eigenvalues[1]
    assert np.linalg.norm(saddle.mode) == pytest.approx(1.0)


def test_descents_reach_both_ends() -> None:
    start = near_leps_saddle()
    surface = Surface(leps)
    saddle = find_saddle(surface, start, start.positions)
    plus, minus = descend(surface, start, saddle)
    assert {plus.bonds, minus.bonds} == {frozenset({(0, 1)}), frozenset({(1, 2)})}
    for side in (plus, minus):
        assert side.arrived
        assert side.energy == pytest.approx(-4.5, abs=0.1)
        steps = np.linalg.norm(np.diff(side.trajectory, axis=0), axis=2).max(axis=1)
        assert steps.max() < 0.15  # too short to jump into another valley
        assert (np.diff(leps(side.trajectory)) < 3e-3).all()


def test_descents_share_their_calls() -> None:
    start = near_leps_saddle()
    surface = Surface(leps)
    saddle = find_saddle(surface, start, start.positions)
    before = surface.calls
    plus, minus = descend(surface, start, saddle, max_steps=7, force_max=1e-9)
    assert surface.calls - before == 7
    assert not plus.arrived
    assert not minus.arrived


@pytest.mark.parametrize("twist", [0.0, 0.6, 1.2])
def test_rotor_saddle_of_first_order(twist: float) -> None:
    start = hcch(MIDDLE - 0.08, twist)
    saddle = find_saddle(Surface(rotor), start, start.positions, mode_hint=STRETCH)
    assert saddle.first_order
    assert saddle.energy == pytest.approx(HILL, abs=ENERGY)


def test_second_order_saddle_is_left_along_its_second_mode() -> None:
    """Exactly perpendicular the gradient has no component that untwists it: without a push the search stays."""
    start = hcch(MIDDLE, np.pi / 2)
    stays = find_saddle(Surface(rotor), start, start.positions, mode_hint=STRETCH, limits=SaddleLimits(pushes=0))
    assert stays.refused is None
    assert stays.negative_modes == 2
    assert not stays.first_order
    assert stays.energy == pytest.approx(HILL + TWIST, abs=ENERGY)
    pushed = find_saddle(Surface(rotor), start, start.positions, mode_hint=STRETCH)
    assert pushed.first_order
    assert pushed.energy == pytest.approx(HILL, abs=ENERGY)
    axis = pushed.positions[2] - pushed.positions[1]  # still the mode that stretches the central bond
    assert abs((pushed.mode[2] - pushed.mode[1]) @ axis) / np.linalg.norm(axis) > 0.9
    assert pushed.steps > stays.steps


def test_mode_hint_decides_which_saddle() -> None:
    """From one place the hint picks: stretching leads over the hill, twisting over the perpendicular."""
    start = hcch(MIDDLE - 0.25, np.pi / 2 - 0.3)
    twist = hcch(MIDDLE, 1.4).positions - hcch(MIDDLE, 1.2).positions
    limits = SaddleLimits(energy=2.0)
    over_twist, over_hill = (
        find_saddle(Surface(rotor), start, start.positions, mode_hint=hint, limits=limits) for hint in (twist, STRETCH)
    )
    assert over_twist.first_order
    assert over_twist.energy == pytest.approx(TWIST, abs=ENERGY)
    assert over_hill.first_order
    assert over_hill.energy == pytest.approx(HILL, abs=ENERGY)


def test_searches_in_one_batch_find_what_each_finds_alone() -> None:
    starts = [near_leps_saddle(), hcch(MIDDLE - 0.08, 0.6)]
    both = BySize({3: Surface(leps), 4: Surface(rotor)})
    together = find_saddles(both, [(starts[0], starts[0].positions, None), (starts[1], starts[1].positions, STRETCH)])
    surfaces = Surface(leps), Surface(rotor)
    alone = [find_saddle(s, x, x.positions, mode_hint=h) for s, x, h in zip(surfaces, starts, (None, STRETCH), strict=True)]
    assert both.calls == max(surface.calls for surface in surfaces)
    for one, other in zip(together, alone, strict=True):
        assert one.first_order
        assert one.steps == other.steps
        assert one.positions == pytest.approx(other.positions, abs=1e-9)


class Counted(Surface):
    """Counts gradients."""

    def __init__(self, energy) -> None:
        super().__init__(energy)
        self.gradients = 0

    def predict(self, frames):
        self.gradients += len(frames)
        return super().predict(frames)


@pytest.mark.parametrize("surface", ["leps", "rotor"])
def test_saddle_without_hessians_is_the_same_for_fewer_gradients(surface: str) -> None:
    start, hint = (near_leps_saddle(), None) if surface == "leps" else (hcch(MIDDLE - 0.08, 0.6), STRETCH)
    full, sparing = (Counted({"leps": leps, "rotor": rotor}[surface]) for _ in range(2))
    one = find_saddle(full, start, start.positions, mode_hint=hint)
    other = find_saddle(sparing, start, start.positions, mode_hint=hint, limits=SaddleLimits(hessian_every=0))
    assert other.first_order
    assert other.energy == pytest.approx(one.energy, abs=ENERGY)
    assert sparing.gradients < full.gradients


def test_soft_negative_modes_are_noise() -> None:
    faint = Surface(lambda x: leps(x) - 0.01 * (x[:, 1, 1] ** 2))  # a pull off the axis, far below the bending force
    start = near_leps_saddle()
    assert find_saddle(faint, start, start.positions).negative_modes == 1


LIMITS = {
    "disagree": (Surface(leps, lambda x: np.full(len(x), 1.4)), SaddleLimits()),
    "energy went": (Surface(leps), SaddleLimits(energy=1e-3)),
    "moved": (Surface(leps), SaddleLimits(move=0.02)),
    "of a bond": (Surface(leps), SaddleLimits(contact=1.9)),
    "no saddle within 2 steps": (Surface(leps), SaddleLimits(max_steps=2, force_max=1e-6)),
    "no finite": (Surface(lambda x: leps(x) * np.nan), SaddleLimits()),
}


@pytest.mark.parametrize("reason", list(LIMITS))
def test_refusals_say_why(reason: str) -> None:
    surface, limits = LIMITS[reason]
    start = h3(0.80, 1.3, bend=0.2)
    saddle = find_saddle(surface, start, start.positions, limits=limits)
    assert saddle.refused is not None
    assert reason in saddle.refused
    assert not saddle.first_order
    assert np.linalg.norm(saddle.positions - start.positions, axis=1).max() <= max(limits.move, 0.02)


# -- quasi-Newton -----------------------------------------------------------------------------------------------------------


def test_updates_learn_what_was_measured() -> None:
    rng = np.random.default_rng(0)
    step, change = rng.normal(size=(2, 6))
    start = np.eye(6)
    for learnt in (bofill(start, step, change), bfgs(start, step, change if change @ step > 0 else -change)):
        assert np.allclose(learnt, learnt.T)
    assert np.allclose(bofill(start, step, change) @ step, change)
    along = change if change @ step > 0.2 * step @ step else change + step
    assert np.allclose(bfgs(start, step, along) @ step, along)


def test_bfgs_stays_positive_whatever_is_measured() -> None:
    rng = np.random.default_rng(1)
    hessian = np.eye(6)
    for _ in range(30):
        hessian = bfgs(hessian, rng.normal(size=6), rng.normal(size=6))
    assert np.linalg.eigvalsh(hessian).min() > 0


def test_uphill_step_climbs_one_mode_and_descends_the_rest() -> None:
    values, modes, gradient = np.asarray([-2.0, 1.0, 4.0]), np.eye(3), np.asarray([0.3, 0.5, -0.2])
    step = uphill_step(values, modes, gradient, 0)
    assert step[0] * gradient[0] > 0
    assert step[1] * gradient[1] < 0
    assert step[2] * gradient[2] < 0
    # close to the saddle it is Newton's step
    assert uphill_step(values, modes, 1e-4 * gradient, 0) == pytest.approx(-1e-4 * gradient / values, rel=1e-3)


def test_limited_step_keeps_its_direction() -> None:
    step = np.asarray([0.3, 0.0, 0.4, 0.0, 0.1, 0.0])
    assert np.linalg.norm(limited(step, 0.1).reshape(2, 3), axis=1).max() == pytest.approx(0.1)
    assert (limited(step, 1.0) == step).all()
