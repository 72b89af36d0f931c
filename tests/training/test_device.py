"""Training on a device that refuses tensors of the CPU as a GPU does: the CPU's numbers, whichever way it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as lightning
import torch
from pytorch_lightning.strategies import SingleDeviceStrategy

from reactal.potentials.architecture import Architecture
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.potentials.weights import Member
from reactal.training import batches, member, stacked
from reactal.training.batches import TrainingSet
from reactal.training.buckets import padded, shapes_of
from reactal.training.checkpoint import CheckpointPlace
from reactal.training.gradient import traced_gradient
from reactal.training.member import MemberJob, TrainedMember, run_job, train_member
from reactal.training.settings import Continual, TrainerWords, TrainingSettings
from tests.potentials.pretended import ELSEWHERE, pretended_device
from tests.potentials.surface import METHANOL, WATER, labelled

SAME = 1e-4  # of weights after few steps, which carry the rounding on
SETTINGS = TrainingSettings(
    architecture=Architecture(features=8, interactions=1), steps_first=6, steps_warm=4, batch=5, validate_every=3, warmup=2
)
FRAMES = labelled(METHANOL, count=24)
Elsewhere = Callable[..., AbstractContextManager[torch.device]]


class Stays(SingleDeviceStrategy):
    """Lightning knows nothing of the pretended device: what lies there stays there while it trains."""

    def model_to_device(self) -> None:
        """Nothing is moved; Lightning takes the network to the CPU in the end, as from a GPU."""

    def teardown(self) -> None:
        assert self.model is not None
        self.model.zero_grad()  # in which torch cannot exchange what lies there for what lies here
        super().teardown()


class Killed(Exception):
    pass


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """While this lasts, trainings take place on the pretended device."""

    def trainer(words: TrainerWords, device: torch.device) -> lightning.Trainer:
        assert device == ELSEWHERE
        return lightning.Trainer(accelerator="cpu", strategy=Stays(device="cpu"), max_epochs=1, barebones=True)

    @contextmanager
    def lasting(**limits: float) -> Iterator[torch.device]:
        with monkeypatch.context() as patch, pretended_device(**limits) as device:
            for module in (member, stacked):
                patch.setattr(module, "device_of", lambda wish, turn=0: ELSEWHERE)
            patch.setattr(member, "lightning_trainer", trainer)
            yield device

    return lasting


def assert_alike(there: TrainedMember, here: TrainedMember) -> None:
    one, other = (Member.from_bytes(trained.weights).network.state_dict() for trained in (there, here))
    for name in one:
        assert torch.allclose(one[name], other[name], atol=SAME, rtol=SAME), name
    assert there.best.validation_loss == pytest.approx(here.best.validation_loss, rel=SAME, nan_ok=True)


WAYS = {
    "eager": SETTINGS,
    "heads": replace(SETTINGS, architecture=replace(SETTINGS.architecture, heads=2, states=True)),
    "evidence": replace(SETTINGS, architecture=replace(SETTINGS.architecture, says="evidence")),
    "double": replace(SETTINGS, trainer=TrainerWords(precision="64-true")),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_member_learns_the_same_elsewhere(way: str, elsewhere: Elsewhere) -> None:
    here = train_member(FRAMES, WAYS[way], seed=1)
    with elsewhere():
        there = train_member(FRAMES, WAYS[way], seed=1)
    assert_alike(there, here)


@pytest.mark.parametrize(
    "change",
    [{"continual": Continual("distil")}, {"continual": Continual("ewc")}, {"transfer": "adapters"}],
    ids=["distil", "ewc", "adapters"],
)
def test_a_warm_start_learns_the_same_elsewhere(change: dict[str, Any], elsewhere: Elsewhere) -> None:
    start = train_member(FRAMES, SETTINGS, seed=1).weights
    rows, settings = FRAMES.with_extra(iteration=np.repeat([0, 1], [14, 10])), replace(SETTINGS, **change)
    here = train_member(rows, settings, seed=2, warm_start=start)
    with elsewhere():
        there = train_member(rows, settings, seed=2, warm_start=start)
    assert_alike(there, here)


def test_mixed_sizes_are_learnt_the_same_elsewhere(elsewhere: Elsewhere) -> None:
    mixed = labelled(METHANOL, WATER, count=24)
    here = train_member(mixed, SETTINGS, seed=1)
    with elsewhere():
        there = train_member(mixed, SETTINGS, seed=1)
    assert_alike(there, here)


def test_a_step_is_traced_where_it_is_replayed() -> None:
    """Of a filled batch, too. Nothing in it is of the CPU: tracing runs every operation, which would be refused."""
    mixed = labelled(METHANOL, WATER, count=6)
    data = TrainingSet.of(mixed, SETTINGS, References.fit(mixed))
    network = build_network(SETTINGS.architecture, seed=1)
    (shape,) = shapes_of(data.atom_counts, data.pair_counts, size=6, levels=1)
    with pretended_device() as device:
        batch = padded(data.on(device).batch(np.arange(6)), shape)
        loss, slopes = traced_gradient(network.to(device), batch, weights=SETTINGS.loss_weights)(batch)
    assert {tensor.device for tensor in (loss, *slopes)} == {ELSEWHERE}


def test_a_member_killed_elsewhere_goes_on_here(tmp_path: Path, elsewhere: Elsewhere) -> None:
    """Its state knows no device."""
    job = MemberJob.of(
        FRAMES, replace(SETTINGS, checkpoint_steps=2), seed=1, checkpoints=CheckpointPlace(str(tmp_path), "states")
    )
    whole = run_job(replace(job, checkpoints=None))

    def killing(step: int, steps: int, loss: float) -> None:
        if step == 4:
            raise Killed

    with elsewhere(), pytest.raises(Killed):
        run_job(job, progress=killing)
    went_on = run_job(job)
    assert went_on.notes == ("training went on from step 4",)
    assert_alike(went_on, whole)


def test_where_memory_is_short_batches_are_halved(elsewhere: Elsewhere) -> None:
    here = train_member(FRAMES, replace(SETTINGS, batch=8), seed=1)
    pairs, numbers = 8 * 30, 3 * SETTINGS.architecture.features
    with elsewhere(most=4 * pairs * numbers - 1):
        there = train_member(FRAMES, replace(SETTINGS, batch=8), seed=1)
    assert there.notes == ("8 structures at once need more memory than there is: 4 at once from here on",)
    assert_alike(there, here)


def test_rows_stay_there_where_they_fit_and_are_sent_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    data, rows = TrainingSet.of(FRAMES, SETTINGS, References.fit(FRAMES)), np.arange(3, 9)
    right = data.batch(rows)
    with pretended_device() as device:
        resident = data.on(device)
        monkeypatch.setattr(batches, "free_bytes", lambda _: 100.0)
        sent = data.on(device)
        assert (resident.whole.energy.device, sent.whole.energy.device) == (ELSEWHERE, torch.device("cpu"))
        for one in (resident.batch(rows), sent.batch(rows)):
            assert one.energy.device == one.atoms.first.device == ELSEWHERE
            assert torch.equal(one.forces.cpu(), right.forces)
            assert torch.equal(one.atoms.first.cpu(), right.atoms.first)
