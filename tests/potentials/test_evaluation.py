from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from reactal.potentials.architecture import Architecture, Kind
from reactal.potentials.batch import AtomBatch, collate
from reactal.potentials.evaluation import REPLAYED, WORTH_TRACING, each_head, traced
from reactal.potentials.schnetpack import build_network
from reactal.potentials.threads import torch_threads
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled, stirred


def fresh(batch: AtomBatch) -> AtomBatch:
    return replace(batch, positions=batch.positions.detach().clone())


@pytest.mark.parametrize("kind", REPLAYED)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_replay_gives_the_same_bits_as_autograd(kind: Kind, dtype: torch.dtype) -> None:
    """With weights and structures that the trace was not made with, and one shape of mixed sizes."""
    with torch_threads(1):
        for seed in range(3):
            network = build_network(Architecture(kind=kind, features=32, interactions=3), seed=seed)
            network.to(dtype).requires_grad_(False)
            stirred(network, seed=seed)
            batch = collate(labelled(METHANOL, WATER, count=7, seed=seed), 5.0, dtype=dtype)
            for one, other in zip(each_head(network, fresh(batch), heads=1), traced(network, fresh(batch)), strict=True):
                assert torch.equal(one, other)
                assert one.abs().max() > 0


def test_a_replay_of_planar_molecules_is_right() -> None:
    """Where a component of a direction is exactly zero, a derivative by way of a quotient would not be a number."""
    network = stirred(build_network(Architecture(kind="so3net", features=8, interactions=1), seed=0)).double()
    batch = collate(labelled(WATER, count=2, rattle=0.0), 5.0)
    for one, other in zip(each_head(network, fresh(batch), heads=1), traced(network, fresh(batch)), strict=True):
        assert torch.equal(one, other)
        assert torch.isfinite(one).all()


@pytest.mark.parametrize("kind", ["painn", "field_schnet"])
def test_a_committee_answers_the_same_however_often_it_is_asked(kind: Kind) -> None:
    committee = committee_of_random_networks(kind)
    for network in committee.networks:
        stirred(network)
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
