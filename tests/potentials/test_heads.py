"""A shared committee: one representation, a head for every member."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.config import load_config
from reactal.errors import ConfigError
from reactal.potentials.architecture import Architecture, Kind
from reactal.potentials.batch import collate
from reactal.potentials.committee import Committee
from reactal.potentials.evaluation import each_head, traced
from reactal.potentials.export import load_committee, save_committee
from reactal.potentials.schnetpack import EnergyNetwork, build_network
from reactal.stages.train import training_settings
from reactal.training.committee import assemble
from reactal.training.member import train_member
from reactal.training.settings import TrainingSettings
from tests.campaigns import leps_campaign
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled, stirred

HEADS = 3
SAME = 1e-9  # eV and eV/angstrom


def shared(kind: Kind = "painn") -> Committee:
    network = stirred(build_network(Architecture(kind=kind, features=16, interactions=2, heads=HEADS), seed=1), size=0.03)
    return replace(committee_of_random_networks(), networks=(network,))


def apart(network: EnergyNetwork) -> tuple[EnergyNetwork, ...]:
    """A network of its own for each head, with a copy of the representation."""
    weights = network.state_dict()
    found = []
    for head in range(HEADS):
        alone = EnergyNetwork(replace(network.architecture, heads=1)).to(next(network.parameters()))
        prefix = "outnet." if head == 0 else f"others.{head - 1}."
        own = {f"outnet.{name.removeprefix(prefix)}": values for name, values in weights.items() if name.startswith(prefix)}
        alone.load_state_dict({name: own.get(name, weights[name]) for name in alone.state_dict()})
        found.append(alone)
    return tuple(found)


@pytest.mark.parametrize("kind", ["painn", "so3net"])
def test_heads_answer_as_networks_of_their_own_would(kind: Kind) -> None:
    committee, frames = shared(kind), labelled(METHANOL, WATER, count=5)
    full = replace(committee, networks=apart(committee.networks[0]))
    assert len(committee) == len(full) == HEADS
    for one, other in zip(committee.energies_and_forces_members(frames), full.energies_and_forces_members(frames), strict=True):
        assert one == pytest.approx(other, abs=SAME)
    together, each = committee.predict(frames), full.predict(frames)
    assert together.energy_spread == pytest.approx(each.energy_spread, abs=SAME)
    assert together.force_spread == pytest.approx(each.force_spread, abs=SAME)
    assert together.force_spread.min() > 1e-4


def test_structures_of_a_batch_are_answered_by_the_heads_in_turn() -> None:
    network, batch = shared().networks[0], collate(labelled(METHANOL, WATER, count=7), 5.0)
    everything = network(batch, every_head=True)
    assert everything.shape == (HEADS, 7)
    assert torch.allclose(network(batch), everything[torch.arange(7) % HEADS, torch.arange(7)], atol=1e-12)
    one = committee_of_random_networks().networks[0]
    assert torch.equal(one(batch, every_head=True), one(batch)[None])


def test_a_replay_answers_for_every_head() -> None:
    network, batch = shared().networks[0], collate(labelled(METHANOL, count=4), 5.0)
    for one, other in zip(each_head(network, batch, heads=HEADS), traced(network, batch), strict=True):
        assert torch.equal(one, other)


def test_saving_and_loading_changes_no_bit() -> None:
    committee, frames = shared(), labelled(METHANOL, count=2)
    blobs = save_committee(committee)
    index = json.loads(blobs["model.json"])
    assert (index["members"], index["architecture"]["heads"]) == (["member-00.safetensors"], HEADS)
    assert b"member-3" in blobs["member-00.safetensors"][:4000]
    assert np.array_equal(load_committee(blobs).predict(frames).forces, committee.predict(frames).forces)
    assert blobs == save_committee(load_committee(blobs))


def test_one_head_at_least() -> None:
    with pytest.raises(ConfigError, match="1 head"):
        Architecture(heads=0)


def test_a_campaign_asks_for_a_head_for_every_member(tmp_path: Path) -> None:
    shared = {"members": 3, "committee": "shared"}
    config = load_config(leps_campaign(tmp_path, model=shared))
    assert (config.model.networks, training_settings(config, baseline="none").architecture.heads) == (1, 3)
    full = load_config(leps_campaign(tmp_path, model={"members": 3}))
    assert (full.model.networks, training_settings(full, baseline="none").architecture.heads) == (3, 1)
    small = load_config(leps_campaign(tmp_path, model=shared, training={"batch": 2}))
    with pytest.raises(ConfigError, match=r"training\.batch: 3"):
        training_settings(small, baseline="none")


def test_a_shared_committee_learns_and_doubts_what_it_has_not_seen() -> None:
    settings = TrainingSettings(architecture=Architecture(heads=HEADS), steps_first=220)
    frames = labelled(WATER, count=40)
    member = train_member(frames, settings, seed=3)
    committee, fold = assemble([member]), frames[np.array(member.held_out)]
    errors = np.abs(committee.energies_and_forces_members(fold)[1] - fold.forces).mean(axis=(1, 2))
    assert member.best.heads == pytest.approx(errors, rel=1e-3), "each is validated on all that is held out"
    assert member.best.force_mae == pytest.approx(errors.mean(), rel=1e-3)
    stretched = WATER.moved(1.3 * WATER.positions)
    known, strange = labelled(WATER, count=20, seed=9), labelled(stretched, count=20, seed=9)
    _, forces = committee.energies_and_forces_members(known)
    assert np.abs(forces - known.forces).mean(axis=(1, 2)).max() < 0.25 * np.abs(known.forces).mean()
    assert np.median(_doubt(committee, strange)) > 2 * np.median(_doubt(committee, known)) > 0


def _doubt(committee: Committee, frames: Frames) -> np.ndarray:
    return committee.predict(frames).disagreement(frames)
