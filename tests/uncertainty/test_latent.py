"""Doubts from latent features: against closed forms, and larger where nothing was learnt."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.errors import InputError
from reactal.uncertainty import latent
from reactal.uncertainty.base import Uncertainty, combined
from reactal.uncertainty.latent import KINDS, LastLayerLaplace, doubt_by


def learnt(m: int = 80, *, width: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(m, width)).astype(np.float32)
    return features, 0.3 * np.sin(2 * features[:, 0]) + 0.02 * rng.normal(size=m)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_far_from_everything_learnt_is_doubted_most(kind: str) -> None:
    features, misses = learnt()
    doubt = doubt_by(kind, features, misses).of(np.concatenate([features, features + 8.0]))
    assert doubt.kind == kind
    assert doubt.structures.shape == (160,)
    assert doubt.structures[80:].min() > doubt.structures[:80].max()


def test_the_last_layer_has_the_standard_error_of_linear_regression() -> None:
    """With hardly any prior, sigma² x (X'X)⁻¹ x of the centred regression."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(400, 3)).astype(np.float32)
    misses = features @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=400)
    new = rng.normal(size=(20, 3)).astype(np.float32)
    centred, there = features - features.mean(axis=0), new - features.mean(axis=0)
    exact = 0.1 * np.sqrt(np.einsum("ij,jk,ik->i", there, np.linalg.inv(centred.T @ centred), there))
    assert LastLayerLaplace(features, misses - misses.mean()).of(new).energies == pytest.approx(exact, rel=0.1)


def test_the_sparse_process_is_near_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    features, misses = learnt(240, width=1)
    exact = doubt_by("process", features, misses).of(features[::7] + 0.4)
    monkeypatch.setattr(latent, "EXACT_UP_TO", 40)
    sparse = doubt_by("process", features, misses).of(features[::7] + 0.4)
    assert sparse.structures == pytest.approx(exact.structures, rel=0.1, abs=2e-3)


def test_the_process_is_that_of_scikit_learn() -> None:
    """The same hyperparameters, its own answer."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    features, misses = learnt(60)
    process = latent.LatentProcess(features, misses - misses.mean())
    kernel = ConstantKernel(process._height, "fixed") * RBF(process._length, "fixed")
    peer = GaussianProcessRegressor(kernel, alpha=process._noise, optimizer=None).fit(process._scaled(features), misses)
    _, wanted = peer.predict(process._scaled(features + 0.3), return_std=True)
    assert process.of(features + 0.3).structures == pytest.approx(wanted, rel=1e-3, abs=1e-4)


def test_kinds_combine_once_they_are_in_one_unit() -> None:
    features, misses = learnt()
    errors = 0.1 + np.abs(misses)
    parts = [doubt_by(kind, features, misses) for kind in KINDS]
    with pytest.raises(InputError, match="bring them to one unit"):
        combined([part.of(features) for part in parts])
    scaled = [part.of(features).in_errors(part.of(features), errors) for part in parts]
    for one in scaled:
        assert np.square(one.structures).mean() == pytest.approx(np.square(errors).mean(), rel=0.05)
    both = combined(scaled, [1.0, 0.0, 0.0])
    assert both.structures == pytest.approx(scaled[0].structures)
    assert (both.unit, both.meaning) == ("eV/angstrom", "standard deviation")
    with pytest.raises(InputError, match="as many weights"):
        combined(scaled, [1.0])
    with pytest.raises(InputError, match="says nothing of what"):
        parts[0].of(features).in_errors(parts[1].of(features), errors)


@pytest.mark.parametrize(
    ("kind", "features", "words"),
    [
        ("guess", np.ones((9, 2)), "no uncertainty guess; known are committee, latent_distance"),
        ("laplace", np.ones((2, 2)), "three labelled"),
        ("process", np.full((9, 2), np.nan), "not finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(kind: str, features: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        doubt_by(kind, features.astype(np.float32), np.zeros(len(features)))


def test_constant_features_crash_nothing() -> None:
    for kind in KINDS:
        doubt: Uncertainty = doubt_by(kind, np.ones((9, 3), dtype=np.float32), np.arange(9.0)).of(
            np.ones((2, 3), dtype=np.float32)
        )
        assert np.isfinite(doubt.structures).all()
