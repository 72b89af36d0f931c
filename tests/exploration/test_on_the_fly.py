"""Learning on the fly: replicas stop at doubt, the model learns there, and they go on from the frame and speed they had."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.on_the_fly import learn_on_the_fly
from reactal.potentials.base import Potential, Prediction
from tests.exploration.surfaces import Surface, morse_pair
from tests.exploration.test_plans import by_step, pairs

CALM = Guards(trust=1.0, cap=50.0, temperature_factor=1e9, energy_window=1e9, contact=0.0)
PLAN = Plan(120, 10)


class Knows:
    """A Morse pair known up to a length; beyond it doubt grows, and each lesson extends what is known by a little."""

    def __init__(self, length: float, *, learns: bool = True) -> None:
        self.length, self.learns = length, learns

    def predict(self, frames: Frames) -> Prediction:
        seen = Surface(morse_pair).predict(frames)
        apart = np.linalg.norm(np.diff(frames.positions.reshape(-1, 2, 3), axis=1), axis=2)[:, 0]
        doubt = np.where(apart > self.length, 1.5, 0.0)
        return Prediction(seen.energy, seen.forces, seen.energy_spread, np.repeat(doubt, 2))

    def learn(self, doubtful: Frames) -> Potential:
        assert (doubtful.extra["disagreement"] > 1.0).all()
        apart = np.linalg.norm(np.diff(doubtful.positions.reshape(-1, 2, 3), axis=1), axis=2)
        return self if not self.learns else Knows(float(apart.max()) + 0.02)


def test_with_a_teacher_every_replica_comes_to_its_end_on_the_path_it_would_have_had() -> None:
    replicas = pairs(8, temperatures=2500.0, seed=4)
    known = Knows(0.85)
    lessons = learn_on_the_fly(known, replicas, known, plan=PLAN, guards=CALM)
    assert len(lessons.taught) >= 2
    assert {ending.reason for ending in lessons.endings} == {Ended.COMPLETED}
    free = simulate(Knows(9.0), replicas, plan=PLAN, guards=CALM)
    whole, pieces = by_step(free), {}
    for i in range(len(lessons.frames)):
        key = (int(lessons.frames.extra["replica"][i]), int(lessons.frames.extra["step"][i]))
        pieces[key] = lessons.frames.positions[lessons.frames.atoms(i)]
    assert all(np.allclose(pieces[key], place, atol=1e-9) for key, place in whole.items())


def test_what_is_not_learnt_ends_its_replica() -> None:
    stubborn = Knows(0.85, learns=False)
    lessons = learn_on_the_fly(stubborn, pairs(4, temperatures=2500.0, seed=4), stubborn, plan=PLAN, guards=CALM)
    assert len(lessons.taught) == 1  # asked once, never again for the same frame
    assert Ended.DOUBTFUL in {ending.reason for ending in lessons.endings}
    with pytest.raises(InputError, match="check_every 1"):
        learn_on_the_fly(stubborn, pairs(1), stubborn, plan=Plan(10, 10, 5), guards=CALM)
