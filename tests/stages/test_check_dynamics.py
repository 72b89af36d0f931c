"""Dynamics on surfaces that keep their energy, and on one that has a hole."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.config import defaults
from reactal.progress import NoProgress
from reactal.sections import Goals
from reactal.stages.check_dynamics import Followed, check_dynamics
from reactal.validation.base import Findings, Verdict
from tests.exploration.surfaces import Surface, distance, morse_pair

FOLLOW = 40.0  # fs
GOALS = Goals.model_validate({**defaults()["validation"], "stable_fs": FOLLOW})
NOISE = 3.0  # meV/atom, of velocity Verlet with half a femtosecond and a period of seven
HYDROGEN = Structure((1, 1), np.asarray([[0, 0, 0], [0, 0, 0.74]]))


def run(surface: Surface, follow: Followed | None = None) -> Findings:
    rng, follow = np.random.default_rng(0), follow or Followed(FOLLOW)
    return check_dynamics(surface, [("hydrogen", HYDROGEN)], GOALS, follow=follow, rng=rng, progress=NoProgress())


def test_a_molecule_keeps_its_energy() -> None:
    found = run(Surface(morse_pair))
    assert found.outcomes[0].verdict is Verdict.MET and found.outcomes[0].value == pytest.approx(1)
    (table,) = found.tables
    assert set(table.column("ended")) == {"completed"} and set(table.column("temperature")) == {300.0, 600.0}
    assert max(float(noise or 0) for noise in table.column("noise")) < NOISE
    assert max(float(strays or 0) for strays in table.column("energy strays from work")) < 1.0
    assert not [curve for curve in found.curves if curve.figure == "stability"]
    (distances,) = [curve for curve in found.curves if curve.figure == "rdf"]
    assert distances.x[int(np.argmax(distances.y))] == pytest.approx(0.74, abs=0.1)
    assert np.trapezoid(distances.y, distances.x) == pytest.approx(1, abs=0.05)


def test_a_hole_is_found_and_named() -> None:
    """Two atoms that fall into each other: what a network does where it knows nothing."""
    found = run(Surface(lambda x: morse_pair(x) - 60.0 / distance(x, 0, 1)), Followed(FOLLOW, (300.0, 400.0, 500.0), seeds=3))
    assert found.outcomes[0].verdict is Verdict.NOT_MET and found.outcomes[0].value == pytest.approx(0)
    assert "hydrogen at 300 K" in found.outcomes[0].why
    (table,) = found.tables
    assert table.column("temperature") == (300.0,) * 3 + (400.0,) * 3 + (500.0,) * 3
    survival = [curve for curve in found.curves if curve.figure == "stability"]
    assert [curve.name for curve in survival] == ["300 K", "400 K", "500 K"]
    for curve, lasted in zip(survival, np.reshape(table.column("lasted"), (3, 3)).astype(float), strict=True):
        assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0.0, 1.0, FOLLOW, pytest.approx(0))
        steps = np.asarray(curve.x)
        assert steps[1:-1:2] == pytest.approx(np.sort(lasted)) and (np.diff(curve.y) <= 0).all()


def test_free_atoms_in_a_cell_fly_apart_as_their_speeds_say() -> None:
    """Without forces the mean square displacement is quadratic, and the distances are those of an ideal gas."""
    places = 12.0 * np.asarray([[x, y, z] for x in (0, 0.5) for y in (0, 0.5) for z in (0, 0.5)]) + 1.0
    gas = Structure((18,) * 8, places, cell=12.0 * np.eye(3), pbc=(True, True, True))
    rng = np.random.default_rng(0)
    nothing = Surface(lambda x: np.zeros(len(x)))
    found = check_dynamics(nothing, [("gas", gas)], GOALS, follow=Followed(FOLLOW), rng=rng, progress=NoProgress())
    curves = [curve for curve in found.curves if curve.figure == "msd"]
    assert len(curves) == 4 and curves[0].y_axis.unit == "Å²"
    for curve in curves:
        times, moved = np.asarray(curve.x), np.asarray(curve.y)
        np.testing.assert_allclose(moved[1:] / times[1:] ** 2, moved[1] / times[1] ** 2, rtol=1e-6)
    (table,) = found.tables
    assert all(isinstance(value, float) and value > 0 for value in table.column("diffusion"))
    (distances,) = [curve for curve in found.curves if curve.figure == "rdf"]
    assert distances.y_axis.name == "g" and max(distances.x) < 6.0
