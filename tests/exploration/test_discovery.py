"""Discoveries: the isomer that a force leads to, the well that heat reaches, and the wall that keeps fragments together."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.discovery import DiscoverySettings, InSphere, discover, pairs_to_try
from reactal.exploration.species import same_species
from reactal.potentials.xtb import XtbPotential
from tests.exploration.reactions import hydrogen_cyanide
from tests.exploration.surfaces import STEP, WELLS, Surface, hcch, morse_cluster, rotor

CYANIDE, ISOCYANIDE = hydrogen_cyanide()


def test_force_between_hydrogen_and_nitrogen_makes_the_isocyanide() -> None:
    met = discover(XtbPotential(), CYANIDE, "force", rng=np.random.default_rng(0))
    assert met[0].how == "start"
    isomer = next(one for one in met[1:] if same_species(one.structure, ISOCYANIDE, tolerance=0.15))
    assert isomer.how == "push 1 3"
    assert met[0].energy < isomer.energy


def test_pairs_are_pulled_where_bonded_and_pushed_where_not() -> None:
    assert set(pairs_to_try(CYANIDE, DiscoverySettings())) == {(0, 1, -1.0), (1, 2, -1.0), (0, 2, 1.0)}
    assert set(pairs_to_try(CYANIDE, DiscoverySettings(near=1.0))) == {(0, 1, -1.0), (1, 2, -1.0)}


@pytest.mark.parametrize("method", ["heat", "press"])
def test_heat_reaches_the_other_well(method: str) -> None:
    hot = DiscoverySettings(replicas=4, temperature=6000.0, steps=600, timestep=0.5, periods=2, radius=2.0)
    met = discover(Surface(rotor), hcch(WELLS[0]), method, settings=hot, rng=np.random.default_rng(1))
    lengths = sorted(float(np.linalg.norm(one.structure.positions[2] - one.structure.positions[1])) for one in met)
    assert lengths[0] == pytest.approx(WELLS[0], abs=0.01)
    assert lengths[-1] == pytest.approx(WELLS[1], abs=0.01)


def test_wall_pushes_back_by_its_own_slope() -> None:
    places = np.random.default_rng(0).normal(0.0, 3.0, (1, 5, 3))
    template = hcch(1.2)
    four = places[:, :4]
    walled = InSphere(Surface(morse_cluster), 2.0)
    forces = walled.predict(Frames.repeat(template, four)).forces
    moves = STEP * np.eye(12).reshape(12, 4, 3)
    up, down = (walled.predict(Frames.repeat(template, four[0] + sign * moves)).energy for sign in (1, -1))
    assert forces == pytest.approx(-(up - down).reshape(4, 3) / (2 * STEP), abs=1e-5)
    free = Surface(morse_cluster).predict(Frames.repeat(template, four))
    assert walled.predict(Frames.repeat(template, four)).energy[0] > free.energy[0]


def test_unknown_ways_are_named() -> None:
    with pytest.raises(InputError, match="force, press, heat"):
        discover(Surface(rotor), hcch(WELLS[0]), "shake", rng=np.random.default_rng(0))
