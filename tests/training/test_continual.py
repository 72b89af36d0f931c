"""New labels are learnt without forgetting the old."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.errors import TooFewLabels
from reactal.potentials.architecture import Architecture
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.training.batches import TrainingSet
from reactal.training.committee import assemble
from reactal.training.continual import curvature, held_back, mixed, old_and_new, with_own_predictions
from reactal.training.forgetting import forgetting_ratio
from reactal.training.gradient import deviations, eager_gradient, loss_of
from reactal.training.member import TrainedMember, train_member
from reactal.training.settings import Continual, TrainingSettings
from tests.potentials.surface import METHANOL, WATER, labelled

SMALL = TrainingSettings(
    architecture=Architecture(features=8, interactions=1),
    steps_first=120,
    steps_warm=60,
    learning_rate_first=1e-2,
    learning_rate_warm=5e-3,
    validation_share=0.0,
)
WEIGHTS = (0.7, 1.3)
STRETCHED = METHANOL.moved(METHANOL.positions * 1.12)
ROWS = 4


def in_rounds(*rounds: Frames) -> Frames:
    return Frames.concat([rows.with_extra(iteration=np.full(len(rows), number)) for number, rows in enumerate(rounds)])


OLD, NEW = labelled(METHANOL, count=30, rattle=0.04), labelled(STRETCHED, count=12, seed=1, rattle=0.04)
BOTH = in_rounds(OLD, NEW)
TEST = labelled(METHANOL, count=40, seed=2, rattle=0.04)


@pytest.fixture(scope="module")
def before() -> TrainedMember:
    return train_member(OLD, SMALL, seed=1)


def test_old_rows_are_those_of_earlier_iterations() -> None:
    frames = in_rounds(OLD[:4], OLD[4:6], NEW[:3])
    held_out = np.array([1, 7])
    old, new = old_and_new(frames, held_out, Continual("replay"))
    assert (old.tolist(), new.tolist()) == ([0, 2, 3, 4, 5], [6, 8])
    old, _ = old_and_new(frames, held_out, Continual("replay", buffer=3))
    assert old.tolist() == [3, 4, 5], "the newest of the old"
    old, new = old_and_new(OLD, held_out, Continual("replay"))
    assert len(old) == 0 and len(new) == len(OLD) - 2


def test_batches_have_their_share_of_old_rows() -> None:
    old, new = np.arange(20), np.arange(20, 26)
    batches = list(mixed(old, new, share=0.3, size=10, steps=20, rng=np.random.default_rng(0)))
    assert all(sum(row < 20 for row in batch) == 3 and len(batch) == 9 for batch in batches), "there are but six new rows"
    counts = np.bincount(np.concatenate(batches), minlength=26)
    assert counts[:20].tolist() == [3] * 20 and counts[20:].tolist() == [20] * 6
    alone = list(mixed(old, new, share=0.0, size=4, steps=3, rng=np.random.default_rng(0)))
    assert all((batch >= 20).all() and len(batch) == 4 for batch in alone)


def test_curvature_is_that_of_the_squared_loss() -> None:
    """Against the slopes of every single prediction, with the signs drawn often."""
    frames = labelled(WATER, METHANOL, count=2)
    network = build_network(Architecture(features=4, interactions=1), seed=2)
    data = TrainingSet.of(frames, SMALL, References.fit(frames))
    rows = np.arange(2)
    batch = data.batch(rows)
    energy, forces = deviations(network, batch, differentiable=True)
    each = 2 * batch.weight / batch.weight.sum()
    parameters = list(network.parameters())
    exact = [torch.zeros_like(p) for p in parameters]
    outputs = [(WEIGHTS[0] * each[row], energy[row]) for row in range(2)]
    of_atoms = WEIGHTS[1] * each[batch.atoms.owner] * batch.component_share[:, 0]
    outputs += [(of_atoms[atom], forces[atom, axis]) for atom in range(9) for axis in range(3)]
    for factor, output in outputs:
        slopes = torch.autograd.grad(output, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        torch._foreach_add_(exact, [factor.detach() * slope.square() for slope in slopes])
    drawn = [torch.stack(same).mean(0) for same in zip(*_drawn(network, data, rows, times=30), strict=True)]
    known, estimated = (torch.cat([part.flatten() for part in parts]) for parts in (exact, drawn))
    assert float(known.sum()) > 0
    assert float(estimated.sum()) == pytest.approx(float(known.sum()), rel=0.2)
    assert float(torch.corrcoef(torch.stack([known, estimated]))[0, 1]) > 0.95


def _drawn(network, data: TrainingSet, rows, *, times: int) -> list[list[torch.Tensor]]:
    return [list(curvature(network, data, rows, weights=WEIGHTS, seed=seed)) for seed in range(times)]


def test_weights_are_held_by_springs() -> None:
    frames = labelled(WATER, count=ROWS)
    network = build_network(Architecture(features=4, interactions=1), seed=2)
    batch = TrainingSet.of(frames, SMALL, References.fit(frames)).batch(np.arange(ROWS))
    free = eager_gradient(network, weights=WEIGHTS)
    parameters = list(network.parameters())
    springs = held_back(free, parameters, [torch.full_like(p, 3.0) for p in parameters], strength=0.5)
    for one, other in zip(springs(batch)[1], free(batch)[1], strict=True):
        assert torch.equal(one, other), "nothing pulls where training starts"
    with torch.no_grad():
        for parameter in parameters:
            parameter += 0.01
    (loss, slopes), (free_loss, free_slopes) = springs(batch), free(batch)
    count = sum(p.numel() for p in parameters)
    assert float(loss - free_loss) == pytest.approx(0.5 * 0.5 * 3.0 * 0.01**2 * count, rel=1e-2)
    for one, other in zip(slopes, free_slopes, strict=True):
        assert torch.allclose(one - other, torch.full_like(one, 0.5 * 3.0 * 0.01), rtol=1e-2, atol=1e-4)


def test_own_predictions_take_the_place_of_labels() -> None:
    frames = labelled(METHANOL, WATER, count=2 * ROWS)
    network = build_network(SMALL.architecture, seed=3)
    data = TrainingSet.of(frames, SMALL, References.fit(frames))
    taught = with_own_predictions(data, np.array([1, 4, 6]), network)
    own, others = np.array([1, 4, 6]), np.array([0, 2, 3, 5, 7])
    for rows, source in ((own, taught), (others, data)):
        batch, as_before = taught.batch(rows), source.batch(rows)
        assert torch.equal(batch.forces, as_before.forces) and torch.equal(batch.energy, as_before.energy)
    loss = loss_of(taught.batch(own), deviations(network, taught.batch(own), differentiable=False), WEIGHTS)
    assert float(loss.detach()) < 1e-6
    loss = loss_of(data.batch(own), deviations(network, data.batch(own), differentiable=False), WEIGHTS)
    assert float(loss.detach()) > 1e-3


def test_less_is_forgotten_than_by_training_on_the_new_alone(before: TrainedMember) -> None:
    naive = Continual("replay", share=0.0)
    guarded = (Continual("replay"), Continual("replay", buffer=10), Continual("distil"), Continual("ewc", strength=10.0))
    ratios = {}
    for way in (naive, *guarded):
        after = train_member(BOTH, replace(SMALL, continual=way), seed=2, warm_start=before.weights)
        ratios[way] = forgetting_ratio(assemble([before]), assemble([after]), TEST)
        learnt = forgetting_ratio(assemble([before]), assemble([after]), labelled(STRETCHED, count=20, seed=5, rattle=0.04))
        assert learnt < 1, "the new is learnt all the same"
    assert ratios[naive] > 1.05
    assert all(ratios[way] < 1 + 0.7 * (ratios[naive] - 1) for way in guarded), ratios


@pytest.mark.parametrize("kind", ["replay", "distil", "ewc"])
def test_nothing_changes_where_nothing_is_old(kind: str, before: TrainedMember) -> None:
    """From scratch, and where all labels are of one round."""
    quick = replace(SMALL, steps_first=2, steps_warm=2)
    other = replace(quick, continual=Continual(kind))
    for frames, start in ((BOTH, None), (OLD, before.weights), (in_rounds(OLD), before.weights)):
        one, same = (train_member(frames, settings, seed=3, warm_start=start).weights for settings in (quick, other))
        assert one == same


def test_forgetting_needs_labels(before: TrainedMember) -> None:
    bare = Frames.of(list(OLD[:2].structures()))
    with pytest.raises(TooFewLabels, match="no label"):
        forgetting_ratio(assemble([before]), assemble([before]), bare)
    assert forgetting_ratio(assemble([before]), assemble([before]), TEST) == 1.0
