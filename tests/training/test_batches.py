from __future__ import annotations

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.potentials.batch import collate
from reactal.potentials.references import References
from reactal.training.batches import TrainingSet, shuffled
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled

SETTINGS = TrainingSettings()


def training_set(frames: Frames, settings: TrainingSettings = SETTINGS) -> TrainingSet:
    return TrainingSet.of(frames, settings, References.fit(frames))


@pytest.mark.parametrize("frames", [labelled(METHANOL, count=9), labelled(METHANOL, WATER, count=9)], ids=["one size", "mixed"])
def test_a_batch_is_what_collating_its_rows_gives(frames: Frames) -> None:
    rows = np.array([7, 0, 3])
    batch = training_set(frames).batch(rows)
    fresh = collate(frames[rows], SETTINGS.architecture.cutoff, dtype=torch.float32)
    network = committee_of_random_networks().networks[0].float()
    assert torch.equal(batch.atoms.numbers, fresh.numbers)
    assert torch.equal(batch.atoms.positions, fresh.positions)
    assert torch.equal(batch.atoms.owner, fresh.owner)
    assert torch.allclose(network(batch.atoms), network(fresh), atol=1e-5)
    assert batch.forces.numpy() == pytest.approx(frames[rows].forces, abs=1e-5)
    assert batch.component_share.sum().item() * 3 == pytest.approx(len(rows))


def test_energies_are_learned_relative_to_the_references() -> None:
    frames = labelled(METHANOL, WATER, count=12)
    whole = training_set(frames).whole
    assert whole.energy.abs().max() < 10 < np.abs(frames.energy).min()
    differences = np.diff(frames.energy[::2])
    assert np.diff(whole.energy.numpy()[::2]) == pytest.approx(differences, abs=1e-5)


def test_the_prior_is_taken_off_the_labels_where_atoms_are_close() -> None:
    bonded = labelled(WATER, count=4)
    crushed = Frames.concat([bonded, labelled(WATER.moved(WATER.positions * 0.6), count=1, rattle=0.0)])
    whole = training_set(crushed).whole
    bare = training_set(crushed, TrainingSettings(prior_reach=0.0)).whole
    assert torch.equal(whole.energy[:4], bare.energy[:4])
    assert whole.energy[4] < bare.energy[4] - 0.5
    # the prior pushes the hydrogens out, along +y and -y
    assert whole.forces[13, 1] < bare.forces[13, 1] - 1.0
    assert whole.forces[14, 1] > bare.forces[14, 1] + 1.0


def test_rows_of_large_forces_count_less_and_chosen_rows_more() -> None:
    frames = labelled(WATER, count=6).with_extra(weight=[1.0, 1.0, 3.0, 1.0, 1.0, np.nan])
    data = training_set(frames)
    expected = np.array([1, 1, 3, 1, 1, 1]) / (1 + (frames.max_force() / 8.0) ** 2)
    assert data.whole.weight.numpy() == pytest.approx(expected, rel=1e-6)


def test_only_sets_of_one_size_have_batches_of_one_shape() -> None:
    assert training_set(labelled(METHANOL, count=4)).uniform
    assert not training_set(labelled(METHANOL, WATER, count=4)).uniform


def test_every_row_comes_once_before_any_comes_again() -> None:
    rows = np.arange(100, 123)
    batches = list(shuffled(rows, size=5, steps=46, rng=np.random.default_rng(0)))
    assert {len(batch) for batch in batches} == {5}
    epochs = np.concatenate(batches).reshape(10, 23)
    assert all(sorted(epoch) == rows.tolist() for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 10


def test_fewer_rows_than_a_batch_make_a_small_batch() -> None:
    assert [len(b) for b in shuffled(np.arange(3), size=10, steps=2, rng=np.random.default_rng(0))] == [3, 3]
