from __future__ import annotations

import numpy as np
import pytest
import torch

from reactal.errors import ConfigError
from reactal.potentials.architecture import Architecture
from reactal.potentials.batch import collate
from reactal.potentials.masks import fixed_masks
from reactal.potentials.schnetpack import EnergyNetwork, build_network
from tests.potentials.surface import METHANOL, WATER, labelled, stirred

HEADS = 4
DROPOUT = Architecture(features=16, interactions=1, heads=HEADS, dropout=0.25)


@pytest.mark.parametrize(("units", "dropout"), [(8, 0.25), (16, 0.5), (16, 0.05), (2, 0.9)])
def test_masks_leave_out_the_same_number_and_every_unit_alike(units: int, dropout: float) -> None:
    masks = fixed_masks(HEADS, units, dropout=dropout)
    left_out = (masks == 0).sum(1)
    assert len(set(left_out.tolist())) == 1
    assert 1 <= left_out[0] < units and abs(left_out[0] - dropout * units) <= 1
    assert np.ptp((masks == 0).sum(0).numpy()) <= 1
    assert masks.mean(1).numpy() == pytest.approx(1)
    assert len({tuple(mask) for mask in masks.tolist()}) == (HEADS if units > 2 else 2)


def test_a_head_is_the_network_without_what_its_mask_leaves_out() -> None:
    network = stirred(build_network(DROPOUT, seed=1)).double()
    batch = collate(labelled(METHANOL, WATER, count=9), 5.0)
    everything = network(batch, every_head=True)
    assert everything.shape == (HEADS, 9)
    assert torch.equal(network(batch), everything[torch.arange(9) % HEADS, torch.arange(9)]), "in turn"
    assert network.masks is not None
    for mask, answer in zip(network.masks, everything, strict=True):
        alone = EnergyNetwork(Architecture(features=16, interactions=1)).double()
        alone.load_state_dict(network.state_dict())
        with torch.no_grad():
            alone.outnet[1].weight.mul_(mask)
        assert torch.allclose(alone(batch), answer, atol=1e-12)
    assert everything.std(0).min() > 1e-3


@pytest.mark.parametrize("wrong", [{"dropout": 0.2}, {"dropout": 1.0, "heads": 2}, {"dropout": 0.2, "heads": 2, "features": 2}])
def test_dropout_needs_heads(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="a share below 1, for 4 features and 2 heads"):
        Architecture(**wrong)  # type: ignore[arg-type]
