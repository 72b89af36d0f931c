from __future__ import annotations

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.potentials.architecture import Architecture
from reactal.potentials.references import References
from reactal.potentials.schnetpack import EnergyNetwork, build_network
from reactal.training.batches import TrainingBatch, TrainingSet
from reactal.training.gradient import deviations, eager_gradient, loss_of, traced_gradient
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import KINDS, METHANOL, WATER, labelled

WEIGHTS = (0.7, 1.3)
SAME = 1e-6  # of the gradient's norm: the replay may fuse what eager mode does in steps


def batches(frames: Frames) -> list[TrainingBatch]:
    data = TrainingSet.of(frames, TrainingSettings(), References.fit(frames))
    return [data.batch(np.arange(4)), data.batch(np.arange(4, 8))]


@pytest.mark.parametrize("kind", KINDS)
def test_replay_and_eager_mode_agree(kind: str) -> None:
    """On other weights and another batch than the trace was made with."""
    example, batch = batches(labelled(METHANOL, count=8))
    network = build_network(Architecture(kind=kind, features=16, interactions=2), seed=8)
    loss, gradients = eager_gradient(network, weights=WEIGHTS)(batch)
    again, replayed = traced_gradient(network, example, weights=WEIGHTS)(batch)
    assert float(again) == pytest.approx(float(loss), rel=SAME)
    scale = float(torch.cat([g.flatten() for g in gradients]).norm())
    assert scale > 0.01
    for one, other in zip(gradients, replayed, strict=True):
        assert torch.allclose(one, other, atol=SAME * scale)


def test_gradient_is_the_slope_of_the_loss() -> None:
    batch = batches(labelled(METHANOL, WATER, count=8))[0]
    network = build_network(Architecture(features=8, interactions=1), seed=2).double()
    batch = _double(batch)
    _, gradients = eager_gradient(network, weights=WEIGHTS)(batch)
    kicks = [torch.randn(p.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) for p in network.parameters()]
    expected = sum(float((g * k).sum()) for g, k in zip(gradients, kicks, strict=True))
    step = 1e-5
    ahead, behind = (_loss(network, batch, kicks, sign * step) for sign in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(expected, rel=1e-5)


def _double(batch: TrainingBatch) -> TrainingBatch:
    from dataclasses import replace

    atoms = replace(batch.atoms, positions=batch.atoms.positions.double())
    return TrainingBatch(atoms, *(t.double() for t in (batch.energy, batch.forces, batch.weight, batch.component_share)))


def _loss(network: EnergyNetwork, batch: TrainingBatch, kicks: list[torch.Tensor], size: float) -> float:
    with torch.no_grad():
        for parameter, kick in zip(network.parameters(), kicks, strict=True):
            parameter += size * kick
    value = float(loss_of(batch, deviations(network, batch, differentiable=False), WEIGHTS).detach())
    with torch.no_grad():
        for parameter, kick in zip(network.parameters(), kicks, strict=True):
            parameter -= size * kick
    return value


def test_loss_by_hand() -> None:
    """Two structures of 3 and 6 atoms: each force error is averaged over its own components."""
    batch = batches(labelled(WATER, METHANOL, count=8))[0]
    energy_off, force_off = torch.tensor([1.0, 2.0, 0.0, 0.0]), torch.zeros(18, 3)
    force_off[0] = 3.0  # of the first water: 3 components of 9
    force_off[3] = 2.0  # of the first methanol: 3 components of 18
    each = torch.tensor([0.7 * 1 + 1.3 * 9 * 3 / 9, 0.7 * 4 + 1.3 * 4 * 3 / 18, 0.0, 0.0])
    expected = float((each * batch.weight).sum() / batch.weight.sum())
    assert float(loss_of(batch, (energy_off, force_off), WEIGHTS)) == pytest.approx(expected, rel=1e-5)
