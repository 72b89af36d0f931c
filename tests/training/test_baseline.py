"""Training on what a cheap method misses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.errors import ConfigError
from reactal.potentials.architecture import Architecture
from reactal.potentials.baseline import Baseline
from reactal.potentials.references import References
from reactal.potentials.xtb import XtbPotential
from reactal.training.committee import assemble
from reactal.training.member import TrainedMember, train_member
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import METHANOL

PLAIN = TrainingSettings(architecture=Architecture(features=8, interactions=1), steps_first=60, steps_warm=5, validate_every=10)
ON_GFN2 = replace(PLAIN, baseline=Baseline("gfn2"))


def by_gfn1(count: int, seed: int) -> Frames:
    """Rattled methanol, labelled by GFN1-xTB: what GFN2 misses of it is a real difference of two methods."""
    moves = np.random.default_rng(seed).normal(0, 0.08, (count, len(METHANOL), 3))
    frames = Frames.repeat(METHANOL, METHANOL.positions + moves)
    truth = XtbPotential("gfn1").predict(frames)
    return replace(frames, energy=truth.energy, forces=truth.forces)


@pytest.fixture(scope="module")
def frames() -> Frames:
    return by_gfn1(24, seed=0)


@pytest.fixture(scope="module")
def member(frames: Frames) -> TrainedMember:
    return train_member(frames, ON_GFN2, seed=1)


def test_what_is_left_to_learn_is_smaller(frames: Frames) -> None:
    left = Baseline("gfn2").less(frames)
    assert np.sqrt(np.square(left.forces).mean()) < 0.5 * np.sqrt(np.square(frames.forces).mean())
    spread, spread_left = (np.std(rows.energy - References.fit(rows).sum(rows)) for rows in (frames, left))
    assert spread_left < 0.5 * spread


def test_with_the_same_labels_and_steps_the_potential_is_better(frames: Frames, member: TrainedMember) -> None:
    test = by_gfn1(30, seed=9)
    alone = assemble([train_member(frames, PLAIN, seed=1)]).predict(test)
    on_top = assemble([member]).predict(test)
    assert np.abs(on_top.forces - test.forces).mean() < 0.5 * np.abs(alone.forces - test.forces).mean()
    assert np.abs(on_top.energy - test.energy).mean() < np.abs(alone.energy - test.energy).mean()


def test_the_validation_error_is_that_of_the_whole_prediction(frames: Frames, member: TrainedMember) -> None:
    fold = frames[np.array(member.held_out)]
    said = assemble([member]).predict(fold)
    assert np.abs(said.forces - fold.forces).mean() == pytest.approx(member.best.force_mae, rel=1e-3)


def test_training_goes_on_from_weights_on_the_same_baseline_alone(frames: Frames, member: TrainedMember) -> None:
    further = train_member(frames, ON_GFN2, seed=2, warm_start=member.weights)
    assert assemble([further]).baseline == ON_GFN2.baseline
    for other in (PLAIN, replace(PLAIN, baseline=Baseline("gfn1"))):
        with pytest.raises(ConfigError, match="train from scratch"):
            train_member(frames, other, seed=2, warm_start=member.weights)


def test_a_label_whose_baseline_does_not_converge_is_left_out() -> None:
    """A crystal with too small a cell for GFN2."""
    cell = 3.2 * np.array([[1.102, -0.128, 0.021], [-0.028, 0.977, -0.011], [-0.101, -0.012, 0.957]])
    places = np.array([[0.02, 0.0, 0.01], [0.5, 0.51, 0.47]]) @ cell
    crystal = Structure.from_symbols(["Li", "F"], places, cell=cell, pbc=(True, True, True))
    strange = replace(Frames.of([crystal]), energy=np.zeros(1), forces=np.zeros((2, 3)))
    both = Frames.concat([by_gfn1(3, seed=4), strange])
    left = Baseline("gfn2").less(both)
    assert left.labelled.tolist() == [True, True, True, False]
    quick = replace(ON_GFN2, steps_first=2)
    assert train_member(both, quick, seed=0).weights == train_member(by_gfn1(3, seed=4), quick, seed=0).weights
