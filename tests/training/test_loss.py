"""Losses for labels that are not all to be trusted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.labeling.quality import QualityRule, weighted
from reactal.potentials.architecture import Architecture
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.training.batches import TrainingBatch, TrainingSet
from reactal.training.gradient import deviations, eager_gradient, loss_of, traced_gradient
from reactal.training.member import train_member
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import METHANOL, WATER, labelled

WEIGHTS, WIDTHS = (0.7, 1.3), (0.2, 1.0)
SMALL = TrainingSettings(architecture=Architecture(features=8, interactions=1), steps_first=3)
SAME = 1e-5


def batch_of(frames: Frames) -> TrainingBatch:
    return TrainingSet.of(frames, SMALL, References.fit(frames)).batch(np.arange(len(frames)))


def test_huber_by_hand() -> None:
    """The squares within the widths; beyond them 2 w |d| - w^2, for forces of the length of an atom's error."""
    batch = batch_of(labelled(WATER, METHANOL, count=2))
    energy_off, force_off = torch.tensor([0.1, 0.5]), torch.zeros(9, 3)
    force_off[0] = torch.tensor([0.3, 0.4, 0.0])  # within
    force_off[3] = torch.tensor([0.0, 6.0, 8.0])  # beyond, in the second structure
    each = torch.tensor([0.7 * 0.1**2 + 1.3 * 0.5**2 / 9, 0.7 * (2 * 0.2 * 0.5 - 0.2**2) + 1.3 * (2 * 10 - 1) / 18])
    expected = float((each * batch.weight).sum() / batch.weight.sum())
    assert float(loss_of(batch, (energy_off, force_off), WEIGHTS, WIDTHS)) == pytest.approx(expected, rel=SAME)


def test_the_pull_of_a_wrong_label_is_bounded() -> None:
    batch = batch_of(labelled(WATER, count=4))

    def pull(error: float, *widths: tuple[float, float]) -> float:
        """Of one atom's force, at the first derivative of the loss."""
        off = torch.zeros(12, 3)
        off[5, 1] = error
        off.requires_grad_(True)
        (slope,) = torch.autograd.grad(loss_of(batch, (torch.zeros(4), off), WEIGHTS, *widths), off)
        assert torch.isfinite(slope).all(), "also where there is no error"
        return float(slope.norm())

    assert pull(0.9, WIDTHS) == pytest.approx(pull(0.9), rel=SAME)
    assert pull(50.0, WIDTHS) == pytest.approx(pull(1.0, WIDTHS), rel=SAME)
    assert pull(50.0) == pytest.approx(50 * pull(1.0), rel=SAME)


def test_huber_is_traced_as_it_is_computed() -> None:
    example, batch = (batch_of(labelled(METHANOL, count=4, seed=seed)) for seed in (0, 1))
    network = build_network(SMALL.architecture, seed=8)
    loss, gradients = eager_gradient(network, weights=WEIGHTS, widths=WIDTHS)(batch)
    again, replayed = traced_gradient(network, example, weights=WEIGHTS, widths=WIDTHS)(batch)
    assert float(again) == pytest.approx(float(loss), rel=SAME)
    scale = float(torch.cat([g.flatten() for g in gradients]).norm())
    assert scale > 0
    for one, other in zip(gradients, replayed, strict=True):
        assert torch.allclose(one, other, atol=SAME * scale)


def test_the_loss_of_the_settings_is_the_one_trained_on() -> None:
    frames = labelled(METHANOL, count=24)
    squared, wide, narrow = (
        train_member(frames, settings, seed=1)
        for settings in (
            SMALL,
            replace(SMALL, loss="huber", huber_energy=1e4, huber_force=1e4),
            replace(SMALL, loss="huber", huber_energy=0.01, huber_force=0.01),
        )
    )
    assert wide.best.validation_loss == pytest.approx(squared.best.validation_loss, rel=1e-4)
    assert narrow.best.validation_loss < 0.5 * squared.best.validation_loss


def test_a_flagged_label_counts_less_in_the_loss() -> None:
    """A net force of r times the limit leaves 1 / r^2 of the label's weight; from r = 10 on there is nothing left of it."""
    sound = labelled(METHANOL, count=6)
    forces = sound.forces.copy()
    rule = QualityRule()
    forces[sound.atoms(1), 0] += 3 * rule.net_force  # on every atom alike: no torque
    forces[sound.atoms(4), 0] += 20 * rule.net_force
    frames = weighted(replace(sound, forces=forces))
    assert len(frames) == 5
    batch = batch_of(frames)
    plain = batch_of(replace(frames, extra={}))
    share = (batch.weight / plain.weight).numpy()
    assert share == pytest.approx([1, 1 / 9, 1, 1, 1], rel=1e-3)
    off = deviations(build_network(SMALL.architecture, seed=3), plain, differentiable=False)
    alone = [float(loss_of(plain, tuple(part.detach() for part in _only(row, off)), WEIGHTS)) for row in range(5)]  # type: ignore[arg-type]
    expected = np.dot(alone, share) / share.dot(plain.weight.numpy()) * float(plain.weight.sum())
    assert float(loss_of(batch, off, WEIGHTS).detach()) == pytest.approx(expected, rel=1e-4)


def _only(row: int, off: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The deviations of one structure; the others have none."""
    energy, forces = (torch.zeros_like(part) for part in off)
    energy[row] = off[0][row]
    atoms = slice(row * len(METHANOL), (row + 1) * len(METHANOL))
    forces[atoms] = off[1][atoms]
    return energy, forces
