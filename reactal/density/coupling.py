"""Products of spherical features: Gaunt's integrals of three real spherical harmonics couple any two l into a third."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from torch import nn

from reactal.potentials.schnetpack_compat import nn as layers

__all__ = ["SphericalProduct", "harmonics"]

NOTHING = 1e-6  # integrals that vanish by symmetry, after rounding


def harmonics(top: int) -> nn.Module:
    """Orthonormal real spherical harmonics of unit vectors (P, 3): (P, (top + 1)^2), l by l, each from m = -l to l."""
    made: nn.Module = layers.so3.RealSphericalHarmonics(lmax=top, dtype_str="float64")
    return made


@final
class SphericalProduct(nn.Module):
    """Of two sets of features (A, (top + 1)^2, F), channel by channel; turns as they do, mirror images included."""

    def __init__(self, top: int) -> None:
        super().__init__()
        self.left: torch.Tensor
        self.right: torch.Tensor
        self.out: torch.Tensor
        self.values: torch.Tensor
        integrals = _gaunt(top)
        left, right, out = np.nonzero(np.abs(integrals) > NOTHING)
        order = np.argsort(out, kind="stable")
        for name, index in (("left", left), ("right", right), ("out", out)):
            self.register_buffer(name, torch.tensor(index[order]), persistent=False)
        values = torch.tensor(integrals[left, right, out][order], dtype=torch.float32)
        self.register_buffer("values", values[None, :, None], persistent=False)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        terms = first[:, self.left] * second[:, self.right] * self.values
        return torch.zeros_like(first).index_add(1, self.out, terms)


def _gaunt(top: int) -> np.ndarray:
    """Integrals over the sphere of three harmonics, exact: Gauss-Legendre in z, equal steps around it."""
    steps = 4 * top + 4
    heights, weights = np.polynomial.legendre.leggauss(2 * top + 2)
    around = np.arange(steps) * 2 * np.pi / steps
    z = np.repeat(heights, steps)
    radius, angle = np.sqrt(1 - z * z), np.tile(around, len(heights))
    points = torch.tensor(np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1))
    values = harmonics(top).double()(points).numpy()
    values /= np.sqrt((values**2 * np.repeat(weights, steps)[:, None]).sum(axis=0) * 2 * np.pi / steps)
    measure = np.repeat(weights, steps) * 2 * np.pi / steps
    return np.asarray(np.einsum("p,pi,pj,pk->ijk", measure, values, values, values, optimize=True))
