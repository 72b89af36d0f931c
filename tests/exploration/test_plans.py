"""Plans: looking at the whole committee now and then, a batch that stays full, and seeds that alone decide a path."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.errors import InputError
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.recording import Ending, Trajectories
from reactal.exploration.replicas import Replicas
from reactal.exploration.thermostats import Isolated
from reactal.potentials.base import Prediction
from tests.exploration.surfaces import Surface, morse_pair

PAIR = Structure((1, 1), [[0, 0, 0], [0.74, 0, 0]])
CALM = Guards(trust=1.0, cap=1.6, temperature_factor=1e9)


class Led:
    """A Morse pair whose leading member is `off` stiffer than the mean; doubt grows beyond 0.8 angstrom. Counts its looks."""

    def __init__(self, *, off: float = 0.0, slope: float = 0.0) -> None:
        self.off, self.slope = off, slope
        self.looks = self.leads = 0

    def predict(self, frames: Frames) -> Prediction:
        self.looks += len(frames)
        seen = Surface(morse_pair).predict(frames)
        length = np.linalg.norm(np.diff(frames.positions.reshape(-1, 2, 3), axis=1), axis=2)[:, 0]
        doubt = self.slope * np.maximum(0.0, length - 0.8)
        return Prediction(seen.energy, seen.forces, seen.energy_spread, np.repeat(doubt, 2))

    def lead(self, frames: Frames) -> tuple[np.ndarray, np.ndarray]:
        self.leads += len(frames)
        seen = Surface(morse_pair).predict(frames)
        return (1 + self.off) * seen.energy, (1 + self.off) * seen.forces


def pairs(count: int, **settings: float) -> Replicas:
    return Replicas.of(Frames.repeat(PAIR, np.stack([PAIR.positions] * count)), **settings)  # type: ignore[arg-type]


def by_step(runs: Trajectories) -> dict[tuple[int, int], np.ndarray]:
    keys = zip(runs.frames.extra["replica"].tolist(), runs.frames.extra["step"].tolist(), strict=True)
    return {key: runs.frames.positions[runs.frames.atoms(i)] for i, key in enumerate(keys)}


def plain(endings: tuple[Ending, ...]) -> list[tuple[int, int, str]]:
    return [(ending.replica, ending.step, str(ending.reason)) for ending in endings]


def test_looking_now_and_then_finds_the_same_first_doubtful_frames() -> None:
    """The leading member being the mean, the path is the same, and so is every ending and every proposed frame."""
    replicas = pairs(16, temperatures=2500.0, seed=4)
    often, seldom = (simulate(Led(slope=10.0), replicas, plan=Plan(200, 20, check_every=k), guards=CALM) for k in (1, 10))
    assert len({ending.step for ending in often.endings}) > 3
    left = [e for e in often.endings if e.reason != Ended.COMPLETED]
    assert left
    for one, other in zip(often.endings, seldom.endings, strict=True):
        # a replica that left and came back between two looks is found at its next leaving
        assert other.step >= one.step
    same = [(a, b) for a, b in zip(often.endings, seldom.endings, strict=True) if a.step == b.step]
    assert len(same) >= 0.7 * len(replicas)
    for one, other in same:
        assert one.reason == other.reason
        if one.proposed is not None and other.proposed is not None:
            first, second = (run.frames for run in (often, seldom))
            assert np.allclose(first.positions[first.atoms(one.proposed)], second.positions[second.atoms(other.proposed)])


def test_a_stiffer_leader_still_follows_the_mean() -> None:
    """Constant energy: what is conserved is the mean's energy, not the leader's, which is a tenth off."""
    calm = Guards(trust=1e9, cap=1e9, temperature_factor=1e9)
    replicas = pairs(6, temperatures=1500.0, timesteps=0.1)
    potential = Led(off=0.1)
    runs = simulate(potential, replicas, plan=Plan(600, 4, check_every=4), thermostat=Isolated(), guards=calm)
    total = (runs.frames.energy + 1.5 * 2 * 8.617333e-5 * runs.frames.extra["temperature"]).reshape(-1, 6)
    assert np.ptp(runs.frames.energy) > 0.05
    assert np.ptp(total, axis=0).max() < 0.01 * np.ptp(runs.frames.energy)
    assert potential.looks < 0.3 * potential.leads


def test_a_plan_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="multiples of check_every"):
        Plan(100, 15, check_every=10)
    with pytest.raises(InputError, match="one member can be asked alone"):
        simulate(Surface(morse_pair), pairs(1), plan=Plan(10, 10, check_every=5))


def test_the_batch_stays_full_and_nobody_depends_on_its_neighbours() -> None:
    """Twelve replicas in a batch of four give the frames of twelve at once, whoever ends when."""
    replicas = pairs(12, temperatures=2000.0, seed=9)
    at_once = simulate(Led(slope=10.0), replicas, plan=Plan(40, 10), guards=CALM)
    potential = Led(slope=10.0)
    in_turn = simulate(potential, replicas, plan=Plan(40, 10, batch=4), guards=CALM)
    assert plain(at_once.endings) == plain(in_turn.endings)
    assert {ending.reason for ending in at_once.endings} >= {Ended.COMPLETED, Ended.DOUBTFUL}
    first, second = by_step(at_once), by_step(in_turn)
    assert first.keys() == second.keys()
    assert all(np.allclose(first[key], second[key], atol=1e-10) for key in first)


def test_what_is_ended_is_left_out() -> None:
    replicas = pairs(5, seed=1)
    whole = simulate(Led(), replicas, plan=Plan(20), guards=CALM)
    rest = simulate(Led(), replicas, plan=Plan(20), guards=CALM, ended=frozenset({0, 3}))
    assert [ending.replica for ending in rest.endings] == [1, 2, 4]
    first, second = by_step(whole), by_step(rest)
    assert all(np.allclose(first[key], second[key]) for key in second)


def test_mixed_sizes_and_cells_run_side_by_side() -> None:
    """An atom in a cell beside pairs; each as alone."""

    class Free:
        def predict(self, frames: Frames) -> Prediction:
            return Prediction(*(np.zeros(s) for s in (len(frames), (len(frames.numbers), 3), len(frames), len(frames.numbers))))

    boxed = Structure((18,), [[0, 0, 0]], cell=np.eye(3) * 9, pbc=(True, True, True))
    replicas = Replicas.of(Frames.of([boxed, PAIR, boxed]), timesteps=[1.0, 0.5, 2.0])
    runs = simulate(Free(), replicas, plan=Plan(10, 5), thermostat=Isolated(), guards=Guards(temperature_factor=1e9))
    assert runs.frames.sizes.tolist() == [1, 2, 1] * 3
    assert runs.frames.cell is not None
    assert runs.frames.cell[0][0, 0] == 9
    assert not runs.frames.pbc[1].any()  # type: ignore[index]
    assert [ending.reason for ending in runs.endings] == [Ended.COMPLETED] * 3
