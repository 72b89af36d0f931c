"""One model for several charges: what it is trained on says which."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.potentials.xtb import XtbPotential
from reactal.training.committee import assemble
from reactal.training.member import train_member
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import WATER

QUICK = TrainingSettings(architecture=Architecture(features=16, interactions=2), steps_first=250, trace_from=1)
BOTH = replace(QUICK, architecture=replace(QUICK.architecture, states=True))


def waters(count: int, *, seed: int) -> Frames:
    """Neutral molecules and cations by GFN2-xTB, at the same places."""
    rng = np.random.default_rng(seed)
    cation = Structure(WATER.numbers, WATER.positions, charge=1, multiplicity=2)
    places = [WATER.positions + rng.normal(0.0, 0.05, WATER.positions.shape) for _ in range(count)]
    frames = Frames.of([kind.moved(place) for place in places for kind in (WATER, cation)])
    said = XtbPotential("gfn2").predict(frames)
    return replace(frames, energy=said.energy, forces=said.forces)


def trained(settings: TrainingSettings) -> Committee:
    return assemble([train_member(waters(20, seed=0), settings, seed=1)])


@pytest.mark.slow
def test_a_model_that_knows_the_charge_tells_molecule_from_ion() -> None:
    test = waters(10, seed=9)
    truth = test.energy[1::2] - test.energy[::2]
    with_states, without = (trained(settings).predict(test) for settings in (BOTH, QUICK))
    assert np.abs(with_states.energy[1::2] - with_states.energy[::2] - truth).max() < 0.5  # eV, of some 12
    assert without.energy[1::2] == pytest.approx(without.energy[::2], abs=1e-9)
    off = [np.abs(said.forces - test.forces).mean() for said in (with_states, without)]
    assert off[0] < 0.5 * off[1]


def test_traced_steps_carry_the_states() -> None:
    few = replace(BOTH, steps_first=5)
    frames = waters(6, seed=0)
    traced, eager = (train_member(frames, replace(few, trace_from=start), seed=1) for start in (1, 100))
    said = [assemble([member]).predict(frames).forces for member in (traced, eager)]
    assert said[0] == pytest.approx(said[1], abs=1e-3)  # eV/angstrom; sums in another order
