"""Relaxing: few gradients, no uphill ends, and the right minimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.exploration.hessian import hessian_of
from reactal.exploration.quasi_newton import stiffened
from reactal.exploration.relax import Relaxation
from tests.exploration.surfaces import WELLS, Surface, hcch, leps, morse_pair, rotor


def relaxed(surface: Surface, start: Structure, **limits: Any) -> Relaxation:
    search = Relaxation(start, **limits)
    while not search.done:
        frames = Frames.repeat(start, search.ask())
        seen = surface.predict(frames)
        search.tell(float(seen.energy[0]), seen.forces)
    return search


def test_diatomic_reaches_its_length() -> None:
    search = relaxed(Surface(morse_pair), Structure((1, 1), [[0, 0, 0], [0.95, 0, 0]]), force_max=0.01)
    assert search.converged
    assert np.linalg.norm(search.positions[0] - search.positions[1]) == pytest.approx(0.74, abs=1e-3)
    assert search.steps <= 10


@pytest.mark.parametrize("seed", range(5))
def test_rattled_molecule_comes_back_in_few_gradients(seed: int) -> None:
    here = hcch(WELLS[1])
    start = here.moved(here.positions + np.random.default_rng(seed).normal(0, 0.05, (4, 3)))
    search = relaxed(Surface(rotor), start, force_max=0.05, max_steps=30)
    assert search.converged
    assert search.force_norm <= 0.05
    assert float(rotor(search.positions[None])[0]) < 2e-3


def test_no_more_gradients_than_allowed_and_the_best_is_kept() -> None:
    surface = Surface(leps)
    start = Structure((1, 1, 1), [[0, 0, 0], [1.3, 0, 0], [0, 2.0, 0]], charge=1)
    search = relaxed(surface, start, max_steps=4, force_max=1e-6)
    assert search.steps == 4 == surface.calls
    assert search.done
    assert not search.converged
    assert float(leps(search.positions[None])[0]) <= float(leps(start.positions[None])[0])


def test_a_step_to_where_nothing_is_known_is_taken_back() -> None:
    """No answer below 0.9 angstrom, where the first long step from 1.9 would end."""
    start = Structure((1, 1), [[0, 0, 0], [1.9, 0, 0]])
    holes = 0

    def torn(x: np.ndarray) -> np.ndarray:
        nonlocal holes
        r = np.linalg.norm(x[:, 0] - x[:, 1], axis=-1)
        holes += int((r < 0.9).any())
        return np.where(r < 0.9, np.nan, (r - 0.95) ** 2)

    search = relaxed(Surface(torn), start, trust=1.2, largest_trust=1.2, max_steps=40, force_max=0.02)
    assert holes
    assert search.converged
    assert np.linalg.norm(search.positions[0] - search.positions[1]) == pytest.approx(0.95, abs=0.02)


def test_a_start_where_nothing_is_known_ends_it_where_it_is() -> None:
    start = Structure((1, 1), [[0, 0, 0], [0.8, 0, 0]])
    search = relaxed(Surface(lambda x: np.full(len(x), np.nan)), start, max_steps=10)
    assert not search.converged
    assert (search.positions == start.positions).all()


def test_a_step_that_rises_is_taken_back() -> None:
    """A wall the guess knows nothing of: the geometry kept is never above the start."""
    start = Structure((1, 1), [[0, 0, 0], [1.2, 0, 0]])

    def walled(x: np.ndarray) -> np.ndarray:
        r = np.linalg.norm(x[:, 0] - x[:, 1], axis=-1)
        return 0.5 * (r - 1.0) ** 2 + 400.0 * np.maximum(0.0, 1.15 - r) ** 2

    search = relaxed(Surface(walled), start, force_max=0.01, max_steps=40)
    assert search.converged
    assert float(walled(search.positions[None])[0]) < float(walled(start.positions[None])[0])


def test_before_the_first_answer_it_stands_where_it_began() -> None:
    start = hcch(1.3)
    search = Relaxation(start)
    assert (search.ask() == start.positions).all()
    assert search.force_norm == float("inf")


def test_known_curvatures_find_a_soft_valley_at_once() -> None:
    """Stiff one way, soft the other: the guess knows nothing of the second, the surface's own Hessian does."""

    def trough(x: np.ndarray) -> np.ndarray:
        return 20.0 * (x[:, 1, 0] - 1.0) ** 2 + 0.2 * x[:, 1, 1] ** 2

    start = Structure((1, 1), [[0, 0, 0], [1.02, 0.25, 0]])
    surface = Surface(trough)
    hessian = stiffened(hessian_of(surface, start, start.positions), 0.3)
    guessed, known = (relaxed(surface, start, max_steps=50, force_max=0.01, **h) for h in ({}, {"hessian": hessian}))
    assert known.converged
    assert known.steps < guessed.steps


def test_stiffened_curvatures_are_positive_and_keep_their_modes() -> None:
    modes = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    again = stiffened((modes * np.array([-3.0, 0.0, 0.1, 20.0])) @ modes.T, 0.3)
    assert np.allclose(modes.T @ again @ modes, np.diag([3.0, 0.3, 0.3, 20.0]))
