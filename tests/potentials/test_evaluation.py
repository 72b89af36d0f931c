from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from reactal.potentials.architecture import Architecture, Kind
from reactal.potentials.batch import AtomBatch, collate
from reactal.potentials.evaluation import WORTH_TRACING, eager, traced
from reactal.potentials.schnetpack import EnergyNetwork, build_network
from reactal.potentials.threads import torch_threads
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled


def fresh(batch: AtomBatch) -> AtomBatch:
    return replace(batch, positions=batch.positions.detach().clone())


def with_biases(network: EnergyNetwork) -> None:
    """As after training: a new network's biases are all zero, and where they are added would not show."""
    for number, (name, values) in enumerate(network.named_parameters()):
        if name.endswith("bias"):
            values += 0.1 * torch.linspace(-1.0, 1.0, values.numel()).roll(number)


@pytest.mark.parametrize("kind", ["painn", "schnet"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_replay_gives_the_same_bits_as_autograd(kind: Kind, dtype: torch.dtype) -> None:
    """With weights and structures that the trace was not made with, and one shape of mixed sizes."""
    with torch_threads(1):
        for seed in range(3):
            network = build_network(Architecture(kind=kind, features=32, interactions=3), seed=seed)
            network.to(dtype).requires_grad_(False)
            with_biases(network)
            batch = collate(labelled(METHANOL, WATER, count=7, seed=seed), 5.0, dtype=dtype)
            for one, other in zip(eager(network, fresh(batch)), traced(network, fresh(batch)), strict=True):
                assert torch.equal(one, other)
                assert one.abs().max() > 0


def test_a_committee_answers_the_same_however_often_it_is_asked() -> None:
    committee = committee_of_random_networks()
    for network in committee.networks:
        with_biases(network)
    frames = labelled(METHANOL, count=3)
    answers = [committee.predict(frames) for _ in range(WORTH_TRACING + 3)]
    assert all(np.array_equal(a.forces, answers[0].forces) for a in answers)
    assert all(np.array_equal(a.energy_spread, answers[0].energy_spread) for a in answers)


def test_threads_come_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="on the way"), torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise RuntimeError("on the way")
    assert torch.get_num_threads() == before
