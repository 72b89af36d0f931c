"""One network for every point: from what no rotation changes to the residual density there."""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from reactal.density.fingerprints import Fingerprints, blocks_of
from reactal.density.lessons import Geometry
from reactal.density.settings import NetworkSpec

__all__ = ["PointNetwork"]

WIDER = 4  # hidden units for each feature of the size


@final
class PointNetwork(nn.Module):
    """A `DensityNetwork` of the kind `points`: free atoms' density times what a residual perceptron says of the point."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.fingerprints = Fingerprints(spec.elements)
        hidden = WIDER * spec.features
        self.norm = nn.LayerNorm(self.fingerprints.invariants)
        self.first = nn.Linear(self.fingerprints.invariants * 2, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(spec.layers))
        self.last = nn.Linear(hidden, 1)
        nn.init.zeros_(self.last.weight)  # it begins with no residual at all, not with a wild one
        nn.init.zeros_(self.last.bias)

    def values(self, geometry: Geometry, points: torch.Tensor) -> torch.Tensor:
        return torch.cat([self._block(geometry, block) for block in blocks_of(points, geometry)])

    def coefficients(self, geometries: list[Geometry]) -> None:
        """It knows points only."""
        return

    def _block(self, geometry: Geometry, points: torch.Tensor) -> torch.Tensor:
        seen = self.fingerprints(geometry, points)
        x = nn.functional.silu(self.first(torch.cat([self.norm(seen), 0.3 * seen], dim=1)))
        for layer in self.hidden:
            x = x + nn.functional.silu(layer(x))
        said: torch.Tensor = self.last(x)[:, 0]
        return said * self.fingerprints.envelope(geometry, points)
