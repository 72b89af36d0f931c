"""Which device is meant; and potentials on a device that refuses tensors of the CPU as a GPU does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.errors import DeviceUnavailable, OutOfDeviceMemory
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.guards import Guards
from reactal.exploration.replicas import Replicas
from reactal.potentials import device as devices
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.potentials.dense import dense_energies_and_slopes, dense_stack
from reactal.potentials.device import CPU, device_of, memory_is_short, usable_gpus
from reactal.potentials.driving import DrivenCommittee
from reactal.potentials.export import read_committee, save_committee, write_committee
from reactal.potentials.latent import latent_features
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from tests.potentials.pretended import ELSEWHERE, pretended_device
from tests.potentials.surface import METHANOL, WATER, labelled

ROUNDING = 1e-9  # eV, eV/angstrom: the same kernels, in portions of other sizes
PAINN = Architecture(features=8, interactions=2)
WAYS = [
    PAINN,
    Architecture(kind="schnet", features=8, interactions=2),
    Architecture(kind="so3net", features=8, interactions=1),
    Architecture(kind="field_schnet", features=8, interactions=1),
    replace(PAINN, states=True, heads=2),
    replace(PAINN, heads=3, dropout=0.5),
    replace(PAINN, says="evidence"),
]
FREE = Guards(trust=1e9, cap=1e9, energy_window=1e9)


def committee(architecture: Architecture = PAINN, members: int = 2) -> Committee:
    references = References(((1, -13.6), (6, -1030.0), (8, -2040.0)))
    networks = tuple(build_network(architecture, seed=seed) for seed in range(members))
    return Committee(networks, references, ScreenedRepulsion())


@pytest.mark.parametrize(
    ("wish", "turn", "meant"),
    [("auto", 0, "cuda:0"), ("auto", 3, "cuda:1"), ("cuda", 1, "cuda:1"), ("cuda:1", 0, "cuda:1"), ("cpu", 1, "cpu")],
)
def test_of_two_gpus_members_take_one_each(wish: str, turn: int, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpus", lambda: 2)
    assert device_of(wish, turn=turn) == torch.device(meant)
    assert usable_gpus(wish) == {"auto": 2, "cuda": 2, "cuda:1": 1, "cpu": 0}[wish]


def test_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpus", lambda: 0)
    assert device_of("auto") == device_of("cpu") == CPU
    with pytest.raises(DeviceUnavailable, match=r"^device cuda:1: torch .* sees no GPU that it can use here; write auto or cpu$"):
        device_of("cuda:1")
    with pytest.raises(DeviceUnavailable, match=r"^there is no device 'gpu'; write auto, cpu, cuda or cuda:1$"):
        device_of("gpu")
    monkeypatch.setattr(devices, "gpus", lambda: 2)
    with pytest.raises(DeviceUnavailable, match=r"the GPUs here are cuda:0 to cuda:1"):
        device_of("cuda:2")


@pytest.mark.parametrize("architecture", WAYS, ids=lambda one: f"{one.kind}-{one.heads}-{one.says}")
def test_a_committee_says_the_same_elsewhere(architecture: Architecture) -> None:
    frames, here = labelled(WATER, METHANOL, count=6), committee(architecture)
    right, features = here.predict(frames), latent_features(here, frames)
    with pretended_device() as device:
        there = here.on(device)
        said, seen = there.predict(frames), latent_features(there, frames)
    assert {parameter.device for network in there.networks for parameter in network.parameters()} == {ELSEWHERE}
    assert {parameter.device for network in here.networks for parameter in network.parameters()} == {CPU}
    for name in ("energy", "forces", "energy_spread", "force_spread"):
        assert getattr(said, name) == pytest.approx(getattr(right, name), abs=ROUNDING), name
    assert seen == pytest.approx(features, abs=1e-5)


def test_stored_bytes_know_no_device(tmp_path: Path) -> None:
    here = committee()
    with pretended_device() as device:
        assert save_committee(here.on(device)) == save_committee(here)
    with pytest.raises(DeviceUnavailable):
        read_committee(write_committee(tmp_path / "model", here), device="cuda:99")


def test_where_memory_is_short_there_is_less_at_once() -> None:
    frames, here = labelled(METHANOL, count=40), committee()
    with pretended_device(most=200_000) as device:
        there = here.on(device)
        before = there.portions.pairs
        said = there.predict(frames)
        assert there.portions.pairs < before
        driven = DrivenCommittee(there)
        driven.predict(frames)
    assert said.forces == pytest.approx(here.predict(frames).forces, abs=ROUNDING)
    with pretended_device(most=2_000), pytest.raises(OutOfDeviceMemory, match="no memory for a single structure"):
        there.predict(frames)


def test_what_means_that_memory_is_short() -> None:
    assert memory_is_short(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    replay = "The following operation failed in the TorchScript interpreter.\nRuntimeError: CUDA out of memory."
    assert memory_is_short(RuntimeError(replay)) and memory_is_short(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling"))
    assert not memory_is_short(RuntimeError("expected scalar type Float but found Double"))
    assert not memory_is_short(ValueError("out of memory"))


def test_a_stack_of_networks_is_each_of_them() -> None:
    networks = [build_network(PAINN, seed=seed).double().requires_grad_(False) for seed in range(3)]
    rng = np.random.default_rng(0)
    places = torch.from_numpy(METHANOL.positions + 0.05 * rng.normal(size=(4, 6, 3)))
    numbers = torch.tensor([METHANOL.numbers] * 4)
    stacks = [torch.stack(each) for each in zip(*(network.parameters() for network in networks), strict=True)]
    energies, slopes = dense_stack(PAINN, stacks, places, numbers)
    for member, network in enumerate(networks):
        energy, slope = dense_energies_and_slopes(network, places, numbers)
        assert energies[member].numpy() == pytest.approx(energy.numpy(), abs=ROUNDING)
        assert slopes[member].numpy() == pytest.approx(slope.numpy(), abs=ROUNDING)


@pytest.mark.parametrize("members", [1, 3])
def test_a_dense_form_is_traced_where_it_is_replayed(members: int) -> None:
    """Nothing in it is of the CPU: tracing runs every operation, which would be refused."""
    networks = [build_network(PAINN, seed=seed).requires_grad_(False) for seed in range(members)]
    with pretended_device() as device:
        places, numbers = torch.rand(2, 6, 3).to(device), torch.ones(2, 6, dtype=torch.int64).to(device)
        there = [network.to(device) for network in networks]
        stacks = [torch.stack(each) for each in zip(*(network.parameters() for network in there), strict=True)]
        answer = (
            dense_stack(PAINN, stacks, places, numbers) if members > 1 else dense_energies_and_slopes(there[0], places, numbers)
        )
    assert {tensor.device for tensor in answer} == {ELSEWHERE}


def test_replicas_take_the_same_steps_elsewhere() -> None:
    """With one member leading, all of them looked at, and each moving by what they say; SchNet goes by lists of pairs."""
    architecture = WAYS[1]
    starts = Frames.repeat(METHANOL, np.stack([METHANOL.positions] * 3))
    replicas, plan = Replicas.of(starts, temperatures=300.0), Plan(4, 2, check_every=2)

    def met(potential: DrivenCommittee) -> Frames:
        return simulate(potential, replicas, plan=plan, guards=FREE).frames

    here = met(DrivenCommittee(committee(architecture), dtype=torch.float64))
    with pretended_device() as device:
        there = met(DrivenCommittee(committee(architecture).on(device), dtype=torch.float64))
    assert np.abs(here.positions - METHANOL.positions[None].repeat(len(here), 0).reshape(-1, 3)).max() > 1e-3
    assert there.positions == pytest.approx(here.positions, abs=ROUNDING)
