"""The rule by which a label stays out of training."""

from __future__ import annotations

import numpy as np

from reactal.chem import Frames
from reactal.config import CampaignConfig
from reactal.stages.absurd import absurd_rows
from tests.stages.geometries import REACTANT, moved


def labelled(energies: list[float], forces: list[float]) -> Frames:
    """Rows with these energies (eV) and these largest forces (eV/angstrom)."""
    plain = Frames.of([moved(REACTANT, 0.01 * row) for row in range(len(energies))])
    pull = np.zeros((len(energies), 3, 3))
    pull[:, 1, 2] = forces
    return Frames(**{**vars(plain), "energy": np.array(energies), "forces": pull.reshape(-1, 3)})


def test_the_force_decides(config: CampaignConfig) -> None:
    limit = config.training.force_limit
    assert absurd_rows(labelled([0.0] * 3, [0.0, limit - 0.01, limit + 0.01]), config.training).tolist() == [False, False, True]


def test_the_energy_above_the_lowest_decides(config: CampaignConfig) -> None:
    limit = config.training.energy_limit
    rows = labelled([-100.0, -100.0 + limit - 0.01, -100.0 + limit + 0.01], [0.0] * 3)
    assert absurd_rows(rows, config.training).tolist() == [False, False, True]


def test_a_force_is_a_vector_not_a_component(config: CampaignConfig) -> None:
    rows = labelled([0.0], [0.0])
    component = config.training.force_limit / np.sqrt(3) + 0.01
    rows = Frames(**{**vars(rows), "forces": np.array([[component] * 3, [0.0] * 3, [0.0] * 3])})
    assert absurd_rows(rows, config.training).tolist() == [True]


def test_nothing_is_absurd_in_nothing(config: CampaignConfig) -> None:
    assert absurd_rows(Frames.of([]), config.training).tolist() == []
