from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.potentials.architecture import Architecture
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.training.batches import TrainingSet
from reactal.training.buckets import Shape, bucketed_gradient, padded, shapes_of
from reactal.training.gradient import eager_gradient, traced_gradient
from reactal.training.member import train_member
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import KINDS, METHANOL, WATER, labelled

WEIGHTS = (0.7, 1.3)
SAME = 2e-6  # of the gradient's norm: sums over more rows are rounded elsewhere
SAME_CURVE = 1e-3  # of the validation loss after 40 steps, which carry the rounding on


@pytest.fixture(scope="module")
def mixed() -> Frames:
    return labelled(METHANOL, WATER, count=16)


@pytest.fixture(scope="module")
def data(mixed: Frames) -> TrainingSet:
    return TrainingSet.of(mixed, TrainingSettings(), References.fit(mixed))


@pytest.mark.parametrize("kind", KINDS)
def test_filling_changes_neither_loss_nor_gradient(kind: str, data: TrainingSet) -> None:
    batch = data.batch(np.array([3, 0, 8, 5]))
    shape = Shape(len(batch.atoms.numbers) + 7, len(batch.atoms.first) + 23, 5)
    network = build_network(Architecture(kind=kind, features=16, interactions=2), seed=8)
    gradient = eager_gradient(network, weights=WEIGHTS)
    loss, slopes = gradient(batch)
    again, same = gradient(padded(batch, shape))
    assert float(again) == pytest.approx(float(loss), rel=SAME)
    scale = float(torch.cat([g.flatten() for g in slopes]).norm())
    assert scale > 0.01
    assert all(torch.allclose(one, other, atol=SAME * scale) for one, other in zip(slopes, same, strict=True))


def test_every_batch_is_answered_from_the_smallest_trace_that_holds_it_or_without_one(data: TrainingSet) -> None:
    """Batches of waters only, of methanols only, and one that no shape holds."""
    batches = [data.batch(np.array(rows)) for rows in ([1, 3, 5], [0, 2, 4], [0, 1, 2], [0, 2, 4, 6])]
    small, large = Shape(12, 30, 4), Shape(20, 90, 4)
    assert [tuple(shape.holds(batch) for shape in (small, large)) for batch in batches] == [
        (True, True),
        (False, True),
        (False, True),
        (False, False),
    ]
    network = build_network(Architecture(features=8, interactions=1), seed=3)
    eager = eager_gradient(network, weights=WEIGHTS)
    traced = partial(traced_gradient, network, weights=WEIGHTS)
    bucketed = bucketed_gradient((small, large), eager=eager, traced=traced)
    for batch in batches:
        loss, slopes = eager(batch)
        again, same = bucketed(batch)
        scale = float(torch.cat([g.flatten() for g in slopes]).norm())
        assert float(again) == pytest.approx(float(loss), rel=SAME)
        assert all(torch.allclose(one, other, atol=SAME * scale) for one, other in zip(slopes, same, strict=True))


def test_shapes_hold_nearly_every_batch_and_few_are_needed() -> None:
    rng = np.random.default_rng(0)
    atoms = rng.integers(3, 12, 500)
    pairs = atoms * (atoms - 1)
    shapes = shapes_of(atoms, pairs, size=10, levels=3)
    assert len(shapes) == 3
    drawn = [rng.choice(500, 10, replace=False) for _ in range(300)]
    held = [any(atoms[rows].sum() + 2 <= s.atoms and pairs[rows].sum() <= s.pairs for s in shapes) for rows in drawn]
    assert np.mean(held) > 0.95
    assert shapes[-1].atoms < 10 * 12


def test_a_training_in_buckets_is_the_training_without() -> None:
    mixed = labelled(METHANOL, WATER, count=24)
    plain = TrainingSettings(
        architecture=Architecture(features=8, interactions=1), steps_first=40, batch=4, validate_every=10, buckets=0
    )
    without = train_member(mixed, plain, seed=1)
    within = train_member(mixed, replace(plain, buckets=2, trace_from=10), seed=1)
    assert within.weights != without.weights  # or nothing was filled
    assert within.best.validation_loss == pytest.approx(without.best.validation_loss, rel=SAME_CURVE)
