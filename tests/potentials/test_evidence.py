"""Networks that say how far off they may be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from reactal.errors import ConfigError, DamagedPotential
from reactal.potentials.architecture import Architecture
from reactal.potentials.batch import collate
from reactal.potentials.committee import Committee
from reactal.potentials.evaluation import answer, traced
from reactal.potentials.evidence import OUTPUTS, Evidence, doubt, evidence
from reactal.potentials.export import load_committee, save_committee
from reactal.potentials.familiarity import Familiarity
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled, stirred

WAYS = [{"says": "evidence"}, {"says": "noise"}, {"heads": 3, "dropout": 0.5}]


def of(**more: object) -> Committee:
    committee = committee_of_random_networks(members=1, **more)
    stirred(committee.networks[0], size=0.03)
    return committee


def test_the_variance_is_that_of_the_t_distribution() -> None:
    said = Evidence(torch.tensor(0.3), torch.tensor(1.7), torch.tensor(2.4))
    scale = (said.beta * (1 + said.nu) / (said.nu * said.alpha)).sqrt()
    assert float(said.variance) == pytest.approx(stats.t(df=2 * 2.4, scale=float(scale)).var(), rel=1e-5)


def test_an_energy_has_the_doubts_of_its_atoms() -> None:
    batch = collate(labelled(WATER, METHANOL, count=2), 5.0)
    aside = torch.randn(9, OUTPUTS["evidence"], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    each = collate(labelled(WATER, METHANOL, count=2), 5.0)
    of_energy, of_forces = evidence(aside, batch)
    alone = torch.stack([evidence(aside[[i]], _one_atom(each))[0].variance[0] for i in range(9)])
    assert torch.allclose(of_energy.variance, torch.stack([alone[:3].sum(), alone[3:].sum()]))
    assert (of_energy.nu > 0).all() and (of_energy.alpha > 1).all()
    near, far = (torch.cat([aside, torch.full((9, 1), distance, dtype=torch.float64)], dim=1) for distance in (0.5, 4.0))
    energy, forces = doubt(near, batch)
    assert torch.equal(energy, of_energy.variance) and torch.equal(forces, 3 * of_forces.variance)
    energy, forces = doubt(far, batch)
    assert torch.allclose(energy, of_energy.square * (1 + 4 / of_energy.nu)), "a quarter of the evidence"
    assert torch.allclose(forces, 3 * of_forces.square * (1 + 4 / of_forces.nu))


def test_what_is_familiar_is_what_was_measured() -> None:
    rng = np.random.default_rng(0)
    numbers = torch.tensor([1, 8] * 200)
    features = torch.from_numpy(rng.normal(size=(400, 3)) @ np.diag([1.0, 0.1, 3.0])) + numbers[:, None]
    known = Familiarity(3).double()
    assert not known(features, numbers).any(), "as long as nothing was measured"
    known.measure(features, numbers)
    distance = known(features, numbers)
    assert float((distance <= 1).double().mean()) == pytest.approx(0.95, abs=0.01)
    kick = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    narrow, wide = known(1 + kick, torch.tensor([1, 1]))
    assert narrow > 20 * wide, "an angstrom is far where features hardly move"
    assert known(features[:1] - 7, numbers[:1]) > 5 > known(features[:1], numbers[:1]), "an oxygen's features on a hydrogen"


def _one_atom(batch):
    return replace(batch, owner=torch.zeros(1, dtype=torch.int64), structures=1)


def test_the_spread_is_what_the_network_says() -> None:
    committee, frames = of(says="evidence"), labelled(METHANOL, WATER, count=5)
    batch = collate(frames, committee.architecture.cutoff)
    _, aside = committee.networks[0](batch, with_aside=True)
    energy, forces = (part.detach().sqrt().numpy() for part in doubt(aside, batch))
    said = committee.predict(frames)
    assert said.energy_spread == pytest.approx(energy, rel=1e-9)
    assert said.force_spread == pytest.approx(forces, rel=1e-9)
    other = of(says="evidence")
    stirred(other.networks[0], seed=3)
    both, second = replace(committee, networks=(*committee.networks, *other.networks)), other.predict(frames)
    between = (said.energy - second.energy) / 2
    expected = np.sqrt((energy**2 + second.energy_spread**2) / 2 + between**2)
    assert both.predict(frames).energy_spread == pytest.approx(expected, rel=1e-9), "of two, with their disagreement"
    assert not of(says="noise").predict(frames).force_spread.any(), "noise of labels is no doubt"


@pytest.mark.parametrize("more", WAYS, ids=lambda more: "-".join(more))
def test_a_replay_says_the_same_and_saving_changes_no_bit(more: dict[str, object]) -> None:
    committee, frames = of(**more), labelled(METHANOL, count=4)
    network, batch = committee.networks[0], collate(frames, 5.0)
    for one, other in zip(answer(network, batch, network.architecture), traced(network, batch), strict=True):
        assert torch.equal(one, other)
    blobs = save_committee(committee)
    assert b"member-4" in blobs["member-00.safetensors"][:4000], "earlier versions say that they are too old"
    again = load_committee(blobs)
    assert again.architecture == committee.architecture and blobs == save_committee(again)
    assert np.array_equal(again.predict(frames).force_spread, committee.predict(frames).force_spread)
    assert set(more) <= set(json.loads(blobs["model.json"])["architecture"])


def test_what_no_version_knows_is_refused() -> None:
    blobs = save_committee(of(says="evidence"))
    later = blobs["member-00.safetensors"].replace(b"member-4", b"member-9")
    with pytest.raises(DamagedPotential, match=r"member-9.*update reactal"):
        load_committee({**blobs, "member-00.safetensors": later})
    with pytest.raises(ConfigError, match="energy, noise, evidence"):
        Architecture(says="wisdom")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="with one head"):
        Architecture(says="evidence", heads=2)
