"""A committee is the same potential whichever way its members were trained: one after another, as jobs, or as one stack.

Jobs on Dask workers, which give the same bits, are in tests/faults/test_training_kills.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.potentials.architecture import Architecture
from reactal.potentials.schnetpack import build_network
from reactal.training.committee import assemble, jobs, train_committee
from reactal.training.gradient import eager_gradient, stacked_gradient
from reactal.training.lesson import Lesson
from reactal.training.settings import Continual, TrainingSettings
from reactal.training.stacked import stacked
from tests.potentials.surface import KINDS, METHANOL, WATER, labelled

SETTINGS = TrainingSettings(
    architecture=Architecture(features=8, interactions=1), steps_first=30, batch=5, validate_every=10, trace_from=1
)
SEEDS = (1, 2, 3)
SAME_SLOPE = 2e-6  # of the gradient's norm: sums are rounded in another order
SAME_FORCE = 2e-3  # eV/angstrom after 30 steps at a high rate, which carry the rounding on
SAME_CURVE = 5e-3  # of the validation loss


@pytest.fixture(scope="module")
def frames() -> Frames:
    return labelled(METHANOL, count=30)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_has_the_slopes_of_its_members(kind: str, frames: Frames) -> None:
    """Each with weights and a batch of its own."""
    settings = replace(SETTINGS, architecture=Architecture(kind=kind, features=8, interactions=1))
    networks = [build_network(settings.architecture, seed=seed) for seed in SEEDS]
    batches = [next(iter(Lesson.of(frames, settings, seed=seed, start=None).stream)) for seed in SEEDS]
    gradient = stacked_gradient(settings.architecture, batches, weights=(0.7, 1.3))
    losses, stacks = gradient(list(stacked(networks).parameters()), batches)
    for member, (network, batch) in enumerate(zip(networks, batches, strict=True)):
        loss, slopes = eager_gradient(network, weights=(0.7, 1.3))(batch)
        assert float(losses[member]) == pytest.approx(float(loss), rel=SAME_SLOPE)
        scale = float(torch.cat([slope.flatten() for slope in slopes]).norm())
        assert scale > 0.01
        for slope, stack in zip(slopes, stacks, strict=True):
            assert torch.allclose(slope, stack[member], atol=SAME_SLOPE * scale)


def test_stacked_parallel_and_sequential_committees_are_equal(frames: Frames) -> None:
    one_by_one = train_committee(jobs(frames, SETTINGS, seeds=SEEDS))
    with ThreadPoolExecutor(1) as pool:
        as_jobs = train_committee(jobs(frames, SETTINGS, seeds=SEEDS), submit=pool.submit)
        as_stack = train_committee(jobs(frames, replace(SETTINGS, stacked=True), seeds=SEEDS), submit=pool.submit)
    assert [member.weights for member in as_jobs] == [member.weights for member in one_by_one]
    sequential, stack = assemble(one_by_one).predict(frames), assemble(as_stack).predict(frames)
    assert np.abs(stack.forces - sequential.forces).max() < SAME_FORCE
    assert np.abs(stack.disagreement(frames) - sequential.disagreement(frames)).max() < SAME_FORCE
    assert sequential.disagreement(frames).max() > 10 * SAME_FORCE
    for mine, theirs in zip(as_stack, one_by_one, strict=True):
        assert mine.held_out == theirs.held_out and mine.notes == ()
        assert [point.step for point in mine.curve] == [point.step for point in theirs.curve]
        assert mine.best.validation_loss == pytest.approx(theirs.best.validation_loss, rel=SAME_CURVE)


def test_a_stack_can_start_warm_and_replay(frames: Frames) -> None:
    rows = frames.with_extra(iteration=np.repeat([0, 1], [20, 10]))
    starts = [member.weights for member in train_committee(jobs(rows[:20], SETTINGS, seeds=SEEDS))]
    settings = replace(SETTINGS, steps_warm=10, continual=Continual("replay"))
    apart = train_committee(jobs(rows, settings, seeds=SEEDS, warm_starts=starts))
    stack = train_committee(jobs(rows, replace(settings, stacked=True), seeds=SEEDS, warm_starts=starts))
    for mine, theirs in zip(stack, apart, strict=True):
        assert mine.notes == ()
        assert mine.best.validation_loss == pytest.approx(theirs.best.validation_loss, rel=SAME_CURVE)


def test_what_cannot_be_stacked_is_trained_one_after_another_and_that_is_said() -> None:
    mixed = labelled(METHANOL, WATER, count=12)
    settings = replace(SETTINGS, steps_first=5, stacked=True)
    first, second = train_committee(jobs(mixed, settings, seeds=SEEDS[:2]))
    assert first.notes == ("the members were trained one after another, not as a stack: the structures are of different sizes",)
    assert second.notes == ()
    alone = train_committee(jobs(mixed, replace(settings, stacked=False), seeds=SEEDS[:2]))
    assert [first.weights, second.weights] == [member.weights for member in alone]
    wild = replace(SETTINGS, steps_first=5, stacked=True, learning_rate_first=2e3, warmup=1, restarts=14)
    diverging = train_committee(jobs(labelled(METHANOL, count=30), wild, seeds=SEEDS[:2]))
    assert diverging[0].restarts > 0 and "not as a stack: a loss of [" in diverging[0].notes[-1]
