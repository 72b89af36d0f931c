"""What is learnt beside energies and forces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from reactal.chem import Frames
from reactal.config import load_config
from reactal.errors import ConfigError
from reactal.potentials.architecture import Architecture, Says
from reactal.potentials.evidence import OUTPUTS, evidence, noise
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.stages.train import training_settings
from reactal.training.batches import TrainingBatch, TrainingSet
from reactal.training.beside import REGULAR, SHARE, loss_beside, tempered
from reactal.training.committee import assemble
from reactal.training.gradient import deviations, eager_gradient, loss_of, traced_gradient
from reactal.training.member import train_member
from reactal.training.settings import TrainingSettings
from tests.campaigns import leps_campaign
from tests.potentials.surface import METHANOL, WATER, labelled, stirred

WEIGHTS = (0.7, 1.3)
SMALL = TrainingSettings(architecture=Architecture(features=8, interactions=1), steps_first=3)
SAYS: tuple[Says, ...] = ("noise", "evidence")


def batch_of(frames: Frames) -> TrainingBatch:
    return TrainingSet.of(frames, SMALL, References.fit(frames)).batch(np.arange(len(frames)))


def drawn(says: Says, batch: TrainingBatch) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Errors, and what a network may say beside them."""
    random = torch.Generator().manual_seed(2)
    off = 0.02 * torch.randn(batch.atoms.structures, generator=random), 0.1 * torch.randn(batch.forces.shape, generator=random)
    return off, 0.3 * torch.randn(len(batch.forces), OUTPUTS[says], generator=random)


def in_all(batch: TrainingBatch, energy: np.ndarray, components: np.ndarray) -> float:
    """The weighted mean over structures of the energy's part and the mean of the components'."""
    owner, weight = batch.atoms.owner.numpy(), batch.weight.numpy()
    each = np.array([energy[i] + components[owner == i].mean() for i in range(len(energy))])
    return SHARE * float((each * weight).sum() / weight.sum())


def test_evidence_is_judged_by_the_t_distribution_and_by_what_it_claims() -> None:
    batch = batch_of(labelled(WATER, METHANOL, count=2))
    off, aside = drawn("evidence", batch)
    parts = []
    for error, said in zip((off[0][:, None], off[1]), evidence(aside, batch.atoms), strict=True):
        nu, alpha, beta, square = (v.double().numpy()[:, None] for v in (said.nu, said.alpha, said.beta, said.square))
        scale = np.sqrt(beta * (1 + nu) / (nu * alpha))
        likelihood = stats.t(df=2 * alpha, scale=scale).logpdf(error.numpy())
        parts.append(REGULAR * np.abs(error.numpy()) / np.sqrt(square) * (2 * nu + alpha) - likelihood)
    found = loss_beside(off, aside, batch, says="evidence")
    assert float(found) == pytest.approx(in_all(batch, parts[0][:, 0], parts[1]), rel=1e-4)


def test_noisy_labels_pull_as_the_beta_nll_does() -> None:
    """Of the whole loss, in both arguments: its own slope by the square of each error, up to the mean over the batch."""
    batch = batch_of(labelled(WATER, METHANOL, count=2))
    off, aside = drawn("noise", batch)
    forces, said = off[1].requires_grad_(True), aside.requires_grad_(True)
    variance = noise(said, batch.atoms)[1][:, None]
    share = (batch.weight[batch.atoms.owner] / batch.weight.sum())[:, None] * batch.component_share
    beta_nll = (variance.detach() ** 0.5 * 0.5 * (variance.log() + forces.square() / variance) * share).sum()
    by_error, by_noise = torch.autograd.grad(beta_nll, (forces, said))
    ours = loss_of(batch, tempered((off[0], forces), said, batch, says="noise"), (0.0, 1.0))
    (own,) = torch.autograd.grad(ours, forces)
    mean = float((variance.detach() ** -0.5).mean())
    assert torch.allclose(own, 2 / mean * by_error, rtol=1e-4)
    (own,) = torch.autograd.grad(loss_beside((off[0], forces), said, batch, says="noise"), said)
    assert torch.allclose(own[:, 1], SHARE * by_noise[:, 1], rtol=1e-4)
    assert not torch.allclose(own[:, 0], torch.zeros(()))


@pytest.mark.parametrize("says", SAYS)
def test_the_energies_features_are_not_changed_for_it(says: Says) -> None:
    """The slopes by the weights that energies come from are those without, where no noise tempers them."""
    batch = batch_of(labelled(METHANOL, count=4))
    plain = stirred(build_network(SMALL.architecture, seed=8))
    network = build_network(replace(SMALL.architecture, says=says), seed=8)
    network.load_state_dict(plain.state_dict(), strict=False)
    own = dict(zip(dict(network.named_parameters()), eager_gradient(network, weights=WEIGHTS)(batch)[1], strict=True))
    assert all(slope.any() for name, slope in own.items() if name.startswith("aside.1"))
    slopes = zip(dict(plain.named_parameters()), eager_gradient(plain, weights=WEIGHTS)(batch)[1], strict=True)
    same = [torch.allclose(own[name], slope, atol=1e-6) for name, slope in slopes]
    assert all(same) if says == "evidence" else not all(same)
    energies = deviations(plain, batch, differentiable=False)[0], deviations(network, batch, differentiable=False)[0]
    assert torch.equal(*energies)


@pytest.mark.parametrize("says", SAYS)
def test_it_is_traced_as_it_is_computed(says: Says) -> None:
    example, batch = (batch_of(labelled(METHANOL, count=4, seed=seed)) for seed in (0, 1))
    network = stirred(build_network(replace(SMALL.architecture, says=says), seed=8))
    loss, gradients = eager_gradient(network, weights=WEIGHTS)(batch)
    again, replayed = traced_gradient(network, example, weights=WEIGHTS)(batch)
    assert float(again) == pytest.approx(float(loss), rel=1e-5)
    scale = float(torch.cat([g.flatten() for g in gradients]).norm())
    for one, other in zip(gradients, replayed, strict=True):
        assert torch.allclose(one, other, atol=1e-5 * scale)


def test_noise_is_found_where_it_is() -> None:
    """The forces on hydrogen are wrong by an electronvolt an angstrom, those on carbon and oxygen are right."""
    frames = labelled(METHANOL, count=40)
    hydrogen = frames.numbers == 1
    forces = frames.forces + hydrogen[:, None] * np.random.default_rng(3).normal(0, 1.0, frames.forces.shape)
    settings = replace(SMALL, steps_first=150, learning_rate_first=1e-2, architecture=replace(SMALL.architecture, says="noise"))
    member = assemble([train_member(replace(frames, forces=forces), settings, seed=1)])
    batch = batch_of(labelled(METHANOL, count=10, seed=4))
    _, aside = member.networks[0].float()(batch.atoms, with_aside=True)
    deviation = noise(aside, batch.atoms)[1].sqrt().detach().numpy()
    noisy = batch.atoms.numbers.numpy() == 1
    assert np.median(deviation[noisy]) == pytest.approx(1.0, rel=0.5)
    assert np.median(deviation[~noisy]) < 0.7 * np.median(deviation[noisy])


def test_one_network_doubts_what_it_has_not_seen() -> None:
    """By evidence alone it does not: the distance from what is familiar says it."""
    settings = TrainingSettings(architecture=Architecture(features=16, interactions=2, says="evidence"), steps_first=160)
    committee = assemble([train_member(labelled(WATER, count=40), settings, seed=3)])
    known, strange = labelled(WATER, count=20, seed=9), labelled(WATER.moved(1.3 * WATER.positions), count=20, seed=9)
    said = committee.predict(known)
    assert np.abs(said.forces - known.forces).mean() < 0.25 * np.abs(known.forces).mean()
    error = np.linalg.norm(said.forces - known.forces, axis=1)
    assert 0.3 < np.median(error) / np.median(said.force_spread) < 3, "its size, too"
    assert np.median(committee.predict(strange).disagreement(strange)) > 2 * np.median(said.disagreement(known))


def test_a_campaign_asks_for_it(tmp_path: Path) -> None:
    def architecture(**sections: dict[str, object]) -> Architecture:
        config = load_config(leps_campaign(tmp_path, **sections))
        assert config.model.networks == (1 if sections.get("model") else 2)
        return training_settings(config, baseline="none").architecture

    plain = architecture()
    assert architecture(training={"loss": "heteroscedastic"}) == replace(plain, says="noise")
    assert architecture(model={"committee": "evidential"}) == replace(plain, says="evidence")
    assert architecture(model={"committee": "dropout", "members": 3, "dropout": 0.4}) == replace(plain, heads=3, dropout=0.4)
    with pytest.raises(ConfigError, match="another training"):
        architecture(model={"committee": "evidential"}, training={"loss": "heteroscedastic"})
    with pytest.raises(ConfigError, match=r"dropout committee.*training\.batch: 3"):
        architecture(model={"committee": "dropout", "members": 3}, training={"batch": 2})
