"""Metadynamics: a known free energy is found, hills are kept and inherited, tempering lowers them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.errors import InputError
from reactal.exploration.collective import Distance
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.guards import Guards
from reactal.exploration.metadynamics import Hills, Metadynamics, Tempering
from reactal.exploration.replicas import Replicas
from reactal.exploration.thermostats import Langevin
from reactal.potentials.base import Prediction
from reactal.units import KCAL_PER_MOL, KELVIN

FREE = Guards(trust=1e9, cap=1e9, energy_window=1e9, contact=0.0, temperature_factor=1e9, separation=1e9)
PAIR = Structure((1, 1), [[0, 0, 0], [1.2, 0, 0]])
KELVINS = 400.0
HILL, TILT = 0.35, 0.06  # eV: ten times kT, and how much deeper the far well is
WITHIN = 0.5  # kcal/mol


def two_wells(r: np.ndarray) -> np.ndarray:
    """Wells at 1.2 and 2.0 angstrom."""
    x = (r - 1.6) / 0.4
    return HILL * (x**2 - 1) ** 2 - TILT * x


class TwoWells:
    """A pair whose distance has two wells."""

    def predict(self, frames: Frames) -> Prediction:
        place = frames.positions.reshape(-1, 2, 3)
        arm = place[:, 1] - place[:, 0]
        r = np.linalg.norm(arm, axis=1)
        x = (r - 1.6) / 0.4
        slope = (4 * HILL * x * (x**2 - 1) - TILT) / 0.4
        pull = -(slope / r)[:, None] * arm
        forces = np.stack([-pull, pull], axis=1).reshape(-1, 3)
        return Prediction(two_wells(r), forces, np.zeros(len(frames)), np.zeros(2 * len(frames)))


def walkers(count: int) -> Replicas:
    return Replicas.of(Frames.repeat(PAIR, np.stack([PAIR.positions] * count)), temperatures=KELVINS, seed=5)


def test_free_energy_of_two_wells() -> None:
    """Many walkers fill one bias: F(r) = V(r) - 2 kT ln r (the sphere's surface), over both wells and the barrier."""
    bias = Metadynamics([Distance(0, 1)], Hills.none([0.05]), Tempering(0.015, 25, factor=12.0, temperature=KELVINS))
    simulate(TwoWells(), walkers(24), plan=Plan(2000, 400), thermostat=Langevin(0.05), guards=FREE, biases=[bias])
    r = np.linspace(1.12, 2.06, 60)
    exact = two_wells(r) - 2 * KELVIN * KELVINS * np.log(r)
    found = bias.free_energy(r)
    off = (found - exact) / KCAL_PER_MOL
    assert np.abs(off - off.mean()).max() < WITHIN
    assert np.ptp(exact) / KCAL_PER_MOL > 7  # there was something to find


def test_without_bias_the_barrier_holds() -> None:
    runs = simulate(TwoWells(), walkers(24), plan=Plan(600, 100), thermostat=Langevin(0.05), guards=FREE)
    places = runs.frames.positions.reshape(-1, 2, 3)
    assert np.linalg.norm(places[:, 1] - places[:, 0], axis=1).max() < 1.6


def test_hills_are_inherited(tmp_path: Path) -> None:
    first = Metadynamics([Distance(0, 1)], Hills.none([0.1]), Tempering(0.1, 10, factor=np.inf))
    simulate(TwoWells(), walkers(2), plan=Plan(40, 20), guards=FREE, biases=[first])
    assert first.hills.heights == pytest.approx([0.1] * 6)  # two walkers, at steps 10, 20 and 30
    file = tmp_path / "hills.json"
    file.write_text(first.hills.to_json())
    again = Metadynamics([Distance(0, 1)], Hills.read(file), Tempering(0.1, 10))
    assert again.energy(np.asarray([[1.2]])) == pytest.approx(first.energy(np.asarray([[1.2]])))
    file.write_text("{}")
    with pytest.raises(InputError, match="holds no hills"):
        Hills.read(file)


def test_tempered_hills_grow_lower() -> None:
    tempering = Tempering(0.05, 1, factor=5.0, temperature=300.0)
    assert tempering.heights(np.asarray([0.0, 4 * KELVIN * 300])) == pytest.approx([0.05, 0.05 / np.e])


def test_a_bias_is_not_recorded() -> None:
    """Energies and forces of frames are the model's alone."""
    bias = Metadynamics([Distance(0, 1)], Hills(np.asarray([[1.2]]), np.ones(1), np.asarray([0.2])), Tempering(0.1, 1000))
    runs = simulate(TwoWells(), walkers(3), plan=Plan(20, 10), guards=FREE, biases=[bias])
    seen = TwoWells().predict(runs.frames)
    assert runs.frames.energy == pytest.approx(seen.energy)
    assert runs.frames.forces == pytest.approx(seen.forces)
