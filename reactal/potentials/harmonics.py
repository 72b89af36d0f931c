"""Real spherical harmonics up to l = 2 as polynomials of the direction.

SchNetPack's own take the derivative of a product of powers, which looks whether a component is zero: a trace of it divides by
zero for planar molecules. Their coefficients are in single precision, too.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import final

import torch
from torch import nn

__all__ = ["ANGULAR", "SphericalHarmonics"]

ANGULAR = 2  # highest l, as in SchNetPack's own configuration of SO3net


@final
class SphericalHarmonics(nn.Module):
    """Orthonormal on the sphere; l by l, each from m = -l to l, as SchNetPack orders them."""

    def forward(self, directions: torch.Tensor) -> torch.Tensor:
        """Of unit vectors (P, 3): (P, 9)."""
        x, y, z = directions.unbind(1)
        first, second = sqrt(3 / (4 * pi)), sqrt(15 / (4 * pi))
        zeroth = torch.full_like(x, sqrt(1 / (4 * pi)))
        axial = sqrt(5 / (16 * pi)) * (3 * z * z - 1)
        vector = [first * y, first * z, first * x]
        tensor = [second * x * y, second * y * z, axial, second * x * z, 0.5 * second * (x * x - y * y)]
        return torch.stack([zeroth, *vector, *tensor], dim=1)
