from __future__ import annotations

import numpy as np
import pytest
import torch

from reactal.potentials.architecture import Architecture
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.training import member as training
from reactal.training.batches import TrainingBatch, TrainingSet
from reactal.training.frugal import FrugalGradient, parts_of
from reactal.training.gradient import LossGradient, eager_gradient
from reactal.training.member import train_member
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import METHANOL, WATER, labelled

WEIGHTS = (0.7, 1.3)
SAME = 2e-6  # of the gradient's norm
SAME_LOSS = 1e-3  # of the validation loss after 20 steps, which carry the rounding on


@pytest.fixture(scope="module")
def batch() -> TrainingBatch:
    frames = labelled(METHANOL, WATER, count=10)
    return TrainingSet.of(frames, TrainingSettings(), References.fit(frames)).batch(np.arange(10))


def small_device(gradient: LossGradient, *, structures: int) -> LossGradient:
    """A device whose memory holds so many."""

    def step(batch: TrainingBatch) -> tuple[torch.Tensor, object]:
        if batch.atoms.structures > structures:
            raise torch.OutOfMemoryError("out of memory")
        return gradient(batch)

    return step  # type: ignore[return-value]


@pytest.mark.parametrize("heads", [1, 2])
def test_parts_give_the_gradient_of_the_whole(heads: int, batch: TrainingBatch) -> None:
    network = build_network(Architecture(features=8, interactions=1, heads=heads), seed=4)
    gradient = eager_gradient(network, weights=WEIGHTS)
    told: list[str] = []
    small = small_device(gradient, structures=3)
    frugal = FrugalGradient(small, small, least=heads, tell=told.append)
    loss, slopes = gradient(batch)
    scale = float(torch.cat([g.flatten() for g in slopes]).norm())
    for _ in range(2):  # the second time without a word
        again, same = frugal(batch)
        assert float(again) == pytest.approx(float(loss), rel=SAME)
        assert all(torch.allclose(one, other, atol=SAME * scale) for one, other in zip(slopes, same, strict=True))
    assert len(told) == 1 + heads  # 5, 3; 6, 4, 2
    assert told[0].startswith("10 structures at once need more memory than there is")


def test_parts_are_the_rows_in_order(batch: TrainingBatch) -> None:
    parts = list(parts_of(batch, 4))
    assert [part.atoms.structures for part in parts] == [4, 4, 2]
    assert torch.equal(torch.cat([part.forces for part in parts]), batch.forces)
    vectors = torch.cat([part.atoms.vectors() for part in parts])
    assert torch.allclose(vectors, batch.atoms.vectors())


def test_one_structure_that_is_too_large_is_an_error(batch: TrainingBatch) -> None:
    small = small_device(
        eager_gradient(build_network(Architecture(features=8, interactions=1), seed=4), weights=WEIGHTS), structures=0
    )
    with pytest.raises(torch.OutOfMemoryError):
        FrugalGradient(small, small, least=1, tell=lambda _: None)(batch)


def test_a_member_goes_on_in_smaller_parts_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = labelled(METHANOL, count=30)
    settings = TrainingSettings(architecture=Architecture(features=8, interactions=1), steps_first=20, validate_every=10)
    whole = train_member(frames, settings, seed=1)
    real = training.eager_gradient
    monkeypatch.setattr(training, "eager_gradient", lambda *a, **k: small_device(real(*a, **k), structures=5))
    member = train_member(frames, settings, seed=1)
    assert member.notes == ("10 structures at once need more memory than there is: 5 at once from here on",)
    assert member.best.validation_loss == pytest.approx(whole.best.validation_loss, rel=SAME_LOSS)
