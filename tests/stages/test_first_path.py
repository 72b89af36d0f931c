"""The first path: the lowest of several routes where that is asked for, and a word on what the others cost."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.config import defaults
from reactal.sections import Seeding
from reactal.stages.first_path import first_path
from tests.exploration.reactions import hydrogen_cyanide


@pytest.fixture
def rule() -> Seeding:
    return Seeding.model_validate({**defaults()["seeding"], "path": "routes", "images": 7})


def test_lowest_route_is_taken_and_the_others_are_named(rule: Seeding) -> None:
    reactant, product = hydrogen_cyanide()
    path, made = first_path(reactant, product, rule, np.random.default_rng(0))
    assert path.shape == (7, 3, 3)
    assert path[0] == pytest.approx(reactant.positions)
    assert "the lowest route: " in made
    taken, others = made.split(" (others: ")
    costs = [float(word.rstrip(")").split()[-1]) for word in others.split("; ")]
    assert len(costs) == 3  # two more jitters and IDPP; no two atoms are alike
    assert float(taken.removesuffix(" kcal/mol").split()[-1]) <= min(costs)
