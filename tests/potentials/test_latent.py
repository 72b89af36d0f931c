"""Latent features: the energy is linear in them, and they belong to the molecule, not to where it stands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.potentials.committee import Committee
from reactal.potentials.latent import latent_features
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled


@pytest.fixture(scope="module")
def committee() -> Committee:
    return committee_of_random_networks(members=3)


def test_the_energy_of_each_network_is_linear_in_them(committee: Committee) -> None:
    frames = labelled(METHANOL, count=5)
    width = committee.architecture.features // 2
    latent = latent_features(committee, frames)
    assert latent.shape == (5, 3 * width)
    energies, _ = committee.energies_and_forces_members(frames)
    rest = [  # what references and prior add is the same for all members
        energies[i] - latent[:, i * width : (i + 1) * width] @ network.outnet[1].weight.numpy()[0]
        for i, network in enumerate(committee.networks)
    ]
    bias = [float(network.outnet[1].bias[0]) * len(METHANOL) for network in committee.networks]
    for one, its_bias in zip(rest, bias, strict=True):
        np.testing.assert_allclose(one - its_bias, rest[0] - bias[0], atol=1e-4)


def test_they_stay_under_motion_and_exchange(committee: Committee) -> None:
    (one,) = labelled(METHANOL, count=1).structures()
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    order = [0, 1, 4, 3, 5, 2]
    moved = replace(one, positions=one.positions @ turn.T + 1.7)
    exchanged = replace(one, positions=one.positions[order])
    latent = latent_features(committee, Frames.of([one, moved, exchanged]))
    np.testing.assert_allclose(latent[1:], latent[[0, 0]], rtol=1e-4, atol=1e-5)


def test_chunks_and_mixed_sizes_give_the_same(committee: Committee) -> None:
    frames = labelled(METHANOL, WATER, count=300)
    latent = latent_features(committee, frames)
    some = np.asarray([0, 1, 150, 299])
    np.testing.assert_allclose(latent[some], latent_features(committee, frames[some]), rtol=1e-4, atol=1e-5)
    assert latent_features(committee, Frames.of([])).shape[0] == 0
