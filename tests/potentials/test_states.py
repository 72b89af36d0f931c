"""One network for several charges and multiplicities."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.errors import DamagedPotential, InputError
from reactal.potentials.architecture import Architecture, Kind
from reactal.potentials.batch import collate
from reactal.potentials.committee import Committee
from reactal.potentials.evaluation import each_head, traced
from reactal.potentials.export import load_committee, save_committee
from reactal.potentials.schnetpack import build_network
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled, stirred

STATES = ((0, 1), (0, 3), (1, 2), (-1, 2), (2, 1))  # charge, multiplicity
TELLS_APART = 1e-3  # eV
SAME = 1e-10  # eV


@pytest.fixture(scope="module")
def committee() -> Committee:
    committee = committee_of_random_networks(states=True)
    for seed, network in enumerate(committee.networks):
        stirred(network, seed=seed)
    return committee


def in_every_state() -> Frames:
    return Frames.of([replace(METHANOL, charge=charge, multiplicity=multiplicity) for charge, multiplicity in STATES])


def test_every_state_has_an_energy_of_its_own(committee: Committee) -> None:
    energy = np.sort(committee.predict(in_every_state()).energy)
    assert np.diff(energy).min() > TELLS_APART
    plain = committee_of_random_networks().predict(in_every_state()).energy
    assert np.ptp(plain) == pytest.approx(0, abs=SAME)


def test_a_structure_is_answered_alone_as_in_company(committee: Committee) -> None:
    """Where shares are taken over a whole batch, and a neighbour attracts far more, nothing would be left for a structure."""
    frames = in_every_state()
    frames = Frames.concat([frames, Frames.of([replace(WATER, charge=1, multiplicity=2)] * 60)])
    together = committee.predict(frames)
    for i in range(len(STATES)):
        alone = committee.predict(frames[[i]])
        assert alone.energy[0] == pytest.approx(together.energy[i], abs=SAME)
        assert alone.forces == pytest.approx(together.forces[frames.atoms(i)], abs=SAME)


@pytest.mark.parametrize("kind", ["painn", "field_schnet"])
def test_a_replay_knows_the_states(kind: Kind) -> None:
    network = stirred(build_network(Architecture(kind=kind, features=8, interactions=1, states=True), seed=0)).double()
    batch = collate(in_every_state(), 5.0)
    for one, other in zip(each_head(network, batch, heads=1), traced(network, batch), strict=True):
        assert torch.allclose(one, other, rtol=1e-12, atol=0)
    assert len(set(each_head(network, batch, heads=1)[0][0].tolist())) == len(STATES)


def test_states_are_learned() -> None:
    """The same water neutral, and ionised: 9 eV higher, and pulled apart less."""
    neutral = labelled(WATER, count=6)
    ion = replace(neutral, charge=neutral.charge + 1, multiplicity=neutral.multiplicity + 1)
    network = build_network(Architecture(features=16, interactions=1, states=True), seed=1)
    batch = collate(Frames.concat([neutral, ion]), 5.0, dtype=torch.float32)
    wanted = torch.from_numpy(np.concatenate([neutral.energy, 0.5 * neutral.energy + 9.0]) - neutral.energy.mean()).float()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        loss = (network(batch) - wanted).square().mean()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.02 * float(wanted.var())


def test_files_say_that_states_are_known(committee: Committee) -> None:
    blobs = save_committee(committee)
    again = load_committee(blobs)
    assert np.array_equal(again.predict(in_every_state()).energy, committee.predict(in_every_state()).energy)
    assert json.loads(blobs["model.json"])["architecture"]["states"] is True
    assert b"member-3" in blobs["member-00.safetensors"][:4000]
    unknown = blobs["member-00.safetensors"].replace(b"member-3", b"member-9")
    with pytest.raises(DamagedPotential, match="format member-9"):
        load_committee({**blobs, "member-00.safetensors": unknown})


def test_what_knows_no_states_is_written_as_ever() -> None:
    blobs = save_committee(committee_of_random_networks())
    assert "states" not in json.loads(blobs["model.json"])["architecture"]
    assert b"member-1" in blobs["member-00.safetensors"][:4000]


def test_a_batch_that_does_not_say_its_states_is_refused(committee: Committee) -> None:
    batch = replace(collate(Frames.of([WATER]), 5.0), states=None)
    with pytest.raises(InputError, match="charges and multiplicities"):
        committee.networks[0](batch)
