"""Doubt from where a structure lies among those that were learnt, in the space that the model's last layer sees.

Each kind is fitted to the features (m, F) of labelled structures, and to by how much the model missed their energies (m,) eV.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import InputError
from reactal.potentials.last_layer import LastLayerPosterior
from reactal.uncertainty.base import Uncertainty

__all__ = ["KINDS", "Doubt", "LastLayerLaplace", "LatentDistance", "LatentProcess", "doubt_by"]

NEIGHBOURS = 5
RIDGES = np.geomspace(1e-6, 1e3, 28)
EXACT_UP_TO = 1000  # labelled structures; beyond, the process rests on so many of them (and is learnt from LEARN_FROM)
LEARN_FROM = 300
BLOCK = 4096
SURE = 1e-12

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


class Doubt(Protocol):
    """A fitted kind."""

    def of(self, features: Singles) -> Uncertainty:
        """The doubt about structures by their features (n, F), made by the same model as those it was fitted to."""


@final
class LatentDistance:
    """Mean distance to the nearest labelled structures, in standard deviations of their features.

    Janet, Duan, Yang, Nandy, Kulik, Chem. Sci. 10, 7913 (2019).
    """

    def __init__(self, features: Singles, misses: Floats) -> None:
        from scipy.spatial import cKDTree

        self._middle, spread = features.mean(axis=0), features.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1.0) * math.sqrt(features.shape[1])
        self._tree = cKDTree(self._scaled(features))

    def of(self, features: Singles) -> Uncertainty:
        away, _ = self._tree.query(self._scaled(features), k=list(range(1, min(NEIGHBOURS, self._tree.n) + 1)))
        return Uncertainty("latent_distance", np.asarray(away.mean(axis=1)), "standard deviations", "distance")

    def _scaled(self, features: Singles) -> Singles:
        return np.asarray((features - self._middle) / self._scale)


@final
class LastLayerLaplace:
    """Standard deviation of the energy when the last layer's weights have a Gaussian posterior, eV: sigma² x · A⁻¹ x with
    A = X · X + ridge. Ridge and sigma maximise the evidence of the misses (MacKay, Neural Comput. 4, 448 (1992))."""

    def __init__(self, features: Singles, misses: Floats) -> None:
        middle = features.mean(axis=0, dtype=np.float64)
        centred = features - middle
        scale = math.sqrt(max(float(np.square(centred).mean()), SURE))
        values, vectors = np.linalg.eigh((centred / scale).T @ (centred / scale))
        seen = vectors.T @ ((centred / scale).T @ misses)
        values = np.maximum(values, 0.0)
        left = np.maximum(float(misses @ misses) - np.array([(seen**2 / (values + ridge)).sum() for ridge in RIDGES]), SURE)
        variance = left / len(misses)
        evidence = [
            -0.5 * (len(misses) * math.log(v) + np.log(values + ridge).sum() - len(values) * math.log(ridge))
            for v, ridge in zip(variance, RIDGES, strict=True)
        ]
        best = int(np.argmax(evidence))
        self._sigma = math.sqrt(float(variance[best]))
        self._posterior = LastLayerPosterior(features, features, ridge=float(RIDGES[best]))

    def of(self, features: Singles) -> Uncertainty:
        spread = self._sigma * np.sqrt(self._posterior.variances(features))
        return Uncertainty("laplace", spread, "eV", "standard deviation", energies=spread)


@final
class LatentProcess:
    """Standard deviation of a Gaussian process of the misses over the features, eV.

    Exact for up to EXACT_UP_TO structures, beyond on a part of them as inducing points (Titsias, AISTATS 2009).
    """

    def __init__(self, features: Singles, misses: Floats) -> None:
        self._middle = features.mean(axis=0, dtype=np.float64)
        self._scale = max(float(np.std(features - self._middle)), SURE) * math.sqrt(features.shape[1])
        points = self._scaled(features)
        self._height, self._length, self._noise = _learnt(
            points[_evenly(len(points), LEARN_FROM)], misses[_evenly(len(points), LEARN_FROM)]
        )
        self._basis = points[_evenly(len(points), EXACT_UP_TO)]
        own = self._kernel(self._basis, self._basis) + 1e-8 * self._height * np.eye(len(self._basis))
        data = sum(_square(self._kernel(points[i : i + BLOCK], self._basis)) for i in range(0, len(points), BLOCK))
        self._own, self._both = np.linalg.cholesky(own), np.linalg.cholesky(own + np.asarray(data) / self._noise)

    def of(self, features: Singles) -> Uncertainty:
        from scipy.linalg import solve_triangular

        out = np.empty(len(features))
        for start in range(0, len(features), BLOCK):
            near = self._kernel(self._basis, self._scaled(features[start : start + BLOCK]))
            known = np.square(solve_triangular(self._own, near, lower=True)).sum(axis=0)
            left = np.square(solve_triangular(self._both, near, lower=True)).sum(axis=0)
            out[start : start + BLOCK] = np.sqrt(np.maximum(self._height - known + left, 0.0))
        return Uncertainty("process", out, "eV", "standard deviation", energies=out)

    def _scaled(self, features: Singles) -> Floats:
        return np.asarray((features - self._middle) / self._scale)

    def _kernel(self, a: Floats, b: Floats) -> Floats:
        from scipy.spatial.distance import cdist

        return np.asarray(self._height * np.exp(-0.5 * cdist(a, b, "sqeuclidean") / self._length**2))


KINDS: Mapping[str, Callable[..., Doubt]] = {
    "latent_distance": LatentDistance,
    "laplace": LastLayerLaplace,
    "process": LatentProcess,
}


def doubt_by(kind: str, features: Singles, misses: Floats) -> Doubt:
    """One of KINDS, fitted."""
    if kind not in KINDS:
        raise InputError(f"there is no uncertainty {kind}; known are committee, {', '.join(KINDS)}")
    if len(features) < 3 or len(features) != len(misses):
        raise InputError(
            f"{kind} needs three labelled structures at least and a miss for each, not {len(features)} and {len(misses)}"
        )
    if not (np.isfinite(features).all() and np.isfinite(misses).all()):
        raise InputError(f"{kind} cannot be fitted to features or energies that are not finite; leave failed labels out")
    return KINDS[kind](features, np.asarray(misses, dtype=np.float64) - float(np.mean(misses)))


def _evenly(n: int, most: int) -> NDArray[np.int64]:
    """At most so many of n rows, in steps."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _square(near: Floats) -> Floats:
    return np.asarray(near.T @ near)


def _learnt(points: Floats, misses: Floats) -> tuple[float, float, float]:
    """Variance, length and noise variance of greatest marginal likelihood."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    height = max(float(np.var(misses)), SURE)
    kernel: Any = ConstantKernel(1.0, (1e-3, 1e3)) * RBF(1.0, (1e-2, 1e2)) + WhiteKernel(0.1, (1e-5, 1e1))
    with warnings.catch_warnings():  # a length at its limit is an answer here
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = GaussianProcessRegressor(kernel).fit(points, misses / math.sqrt(height)).kernel_
    return height * float(found.k1.k1.constant_value), float(found.k1.k2.length_scale), height * float(found.k2.noise_level)
