"""What labels tell about the weights of a model's last layer, in which its energy is linear."""

from __future__ import annotations

import math
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import InputError

__all__ = ["LastLayerPosterior"]

BLOCK = 65_536  # structures at a time

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@final
class LastLayerPosterior:
    """Gaussian posterior of the last layer's weights after labels at some structures: inverse precision (H, H), about a mean.

    `ridge` is the prior's precision over what an average candidate adds along an average direction.
    """

    def __init__(self, points: Singles, known: Singles | None, *, ridge: float) -> None:
        if known is not None and len(known) and known.shape[1] != points.shape[1]:
            raise InputError(
                f"the labelled have {known.shape[1]} features and the candidates {points.shape[1]}; ask one model for both"
            )
        self.mean = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        size = points.shape[1]
        scale = sum(float(np.square(self.about_mean(points[part])).sum(dtype=np.float64)) for part in _blocks(len(points)))
        self._scale = math.sqrt(max(scale / max(len(points), 1) / size, np.finfo(np.float32).tiny))
        precision = ridge * np.eye(size)
        for part in _blocks(0 if known is None else len(known)):
            some = (self.about_mean(known[part]) / self._scale).astype(np.float64)  # type: ignore[index]
            precision += some.T @ some
        self._inverse = np.linalg.inv(precision)

    def about_mean(self, points: Singles) -> Singles:
        return np.asarray(points - self.mean)

    def variances(self, points: Singles) -> Floats:
        """x · A⁻¹ x of each (n,), in units of the noise: what is not known yet of the energy."""
        out = np.empty(len(points))
        half = np.linalg.cholesky(self._inverse + 1e-12 * np.eye(len(self._inverse))).astype(np.float32)
        for part in _blocks(len(points)):
            seen = (self.about_mean(points[part]) / np.float32(self._scale)) @ half
            out[part] = np.einsum("ij,ij->i", seen, seen)
        return out

    def covariances(self, points: Singles, point: Singles) -> Floats:
        """x_i · A⁻¹ x of all (n,) with one."""
        x = (self.about_mean(point) / self._scale).astype(np.float64)
        way = ((self._inverse @ x) / self._scale).astype(np.float32)
        return np.asarray((points @ way).astype(np.float64) - float(self.mean.astype(np.float64) @ way))

    def learn(self, point: Singles) -> None:
        """One more label there (Sherman, Morrison)."""
        x = (self.about_mean(point) / self._scale).astype(np.float64)
        way = self._inverse @ x
        self._inverse -= np.outer(way, way) / (1.0 + x @ way)


def _blocks(n: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]
