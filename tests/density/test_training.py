"""Learning: what it comes to, and that a killed training ends where one that was left alone does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reactal.chem import Structure
from reactal.density.keeping import Keeper
from reactal.density.layout import Layout
from reactal.density.lessons import Lesson, lesson_of
from reactal.density.network import build_network
from reactal.density.reference import ReferenceDensity
from reactal.density.schooling import School
from reactal.density.settings import NetworkSpec, Schooling, TrainingPlan
from reactal.density.training import rho_error, train_network
from reactal.errors import ConfigError, TooFewLabels
from tests.density.conftest import COARSE

SHORT = TrainingPlan(steps=12, batch=2, points=150, validate_every=4, keep_every=4, seed=5)
SPEC = NetworkSpec("atoms", "tiny", elements=(1, 9))
NOBLE = (2, 10, 18, 36)


@pytest.fixture(scope="module")
def lessons(fluorides: Sequence[ReferenceDensity]) -> list[Lesson]:
    return [lesson_of(one, points=150, seed=row) for row, one in enumerate(fluorides[:4])]


def a_network():
    return build_network(SPEC, Layout((1, 9), COARSE), seed=5)


class Killed(Exception):
    pass


def test_a_killed_training_ends_where_one_left_alone_does(lessons: list[Lesson], tmp_path: Path) -> None:
    whole, parted = a_network(), a_network()
    curve = train_network(whole, SPEC, lessons[:3], lessons[3:], plan=SHORT)
    keeper = Keeper(tmp_path / "state.safetensors", "job")

    def kill(point) -> None:
        if point.step == 8:
            raise Killed

    with pytest.raises(Killed):
        train_network(parted, SPEC, lessons[:3], lessons[3:], plan=SHORT, keeper=keeper, tell=kill)
    fresh = a_network()
    again = train_network(fresh, SPEC, lessons[:3], lessons[3:], plan=SHORT, keeper=keeper)
    assert [point.step for point in again] == [point.step for point in curve] == [4, 8, 12]
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(fresh.state_dict()[name], value, rtol=0, atol=0)


def test_a_state_of_another_training_or_a_damaged_one_is_not_gone_on_from(lessons: list[Lesson], tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "state.safetensors", "job")
    train_network(a_network(), SPEC, lessons[:3], [], plan=replace(SHORT, steps=4), keeper=keeper)
    assert keeper.newest() is not None
    assert Keeper(keeper.file, "another").newest() is None
    data = bytearray(keeper.file.read_bytes())
    data[-3] ^= 1
    keeper.file.write_bytes(bytes(data))
    assert keeper.newest() is None


@pytest.mark.parametrize("kind", ["points", "unet", "combined"])
def test_every_kind_learns(kind: str, lessons: list[Lesson]) -> None:
    spec = NetworkSpec(kind, "tiny", spacing=0.9, elements=(1, 9))  # type: ignore[arg-type]
    network = build_network(spec, Layout((1, 9), COARSE), seed=0)
    curve = train_network(network, spec, lessons[:2], lessons[2:3], plan=replace(SHORT, steps=24, validate_every=12))
    assert curve[-1].loss < curve[0].loss < 5
    assert rho_error(network, lessons[2]) < 100  # better than nothing


def test_what_is_held_out_leaves_every_element_to_learn_from(fluorides: Sequence[ReferenceDensity]) -> None:
    one = replace(fluorides[0], structure=Structure((1, 1), np.asarray([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]])))
    some = [*fluorides[:2], one, one, one, one]
    for seed in range(20):
        school = School(Schooling(SPEC, replace(SHORT, seed=seed), hold_out=0.5))
        held_out = school._held_out(some)
        assert len(held_out) == 3 and not {0, 1} <= set(held_out)
    with pytest.raises(TooFewLabels, match="some element is in too few of 4 densities"):
        School(Schooling(SPEC, SHORT, hold_out=0.5))._held_out(
            [replace(one, structure=Structure((n,), np.zeros((1, 3)))) for n in NOBLE]
        )


def test_it_stops_when_it_learns_no_more(lessons: list[Lesson]) -> None:
    plan = replace(SHORT, steps=10_000, validate_every=1, patience=1, rate=1e-9, warm_up=1)
    assert len(train_network(a_network(), SPEC, lessons[:3], lessons[3:], plan=plan)) < 50


def test_nothing_to_learn_from_and_absurd_plans_are_refused() -> None:
    with pytest.raises(TooFewLabels):
        train_network(a_network(), SPEC, [], [], plan=SHORT)
    with pytest.raises(ConfigError, match="batch 0"):
        TrainingPlan(batch=0)
