"""A residual 3D U-Net on a mesh around the molecule, read at any point by interpolation.

As in Lee and Kim, npj Computational Materials 2024, who feed it projected fingerprints; of the kind `combined` its channels are
what no rotation changes, so that only the mesh itself is to be learnt away.
"""

from __future__ import annotations

from itertools import pairwise
from typing import final

import torch
from torch import nn

from reactal.density.fingerprints import Fingerprints, blocks_of
from reactal.density.lessons import Geometry
from reactal.density.room import NotEnoughMemory
from reactal.density.settings import NetworkSpec

__all__ = ["MeshNetwork"]

MARGIN = 6.0  # bohr around the atoms; beyond it the residual is nothing
MOST_POINTS = 256**3  # of a mesh, so that one does not fill the memory before it fails


@final
class MeshNetwork(nn.Module):
    """A `DensityNetwork` of the kinds `unet` and `combined`."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.fingerprints = Fingerprints(spec.elements)
        combined = spec.kind == "combined"
        given = self.fingerprints.invariants if combined else self.fingerprints.channels_count
        self.levels = spec.layers
        widths = [spec.features * 2**level for level in range(self.levels)]
        self.entry = nn.Conv3d(given, widths[0], 1)
        self.down = nn.ModuleList(_Residual(width) for width in widths)
        self.coarser = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.finer = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_Residual(width) for width in widths[:-1])
        self.last = nn.Conv3d(widths[0], 1, 1)
        nn.init.zeros_(self.last.weight)  # it begins with no residual at all, not with a wild one
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def values(self, geometry: Geometry, points: torch.Tensor) -> torch.Tensor:
        """Of the factor on the free atoms' density the mesh knows the nodes; in between it is smooth, as the density is not."""
        axes = self._axes(geometry)
        mesh = torch.cartesian_prod(*axes)
        channels = torch.cat([self._seen(geometry, block) for block in blocks_of(mesh, geometry)])
        shape = tuple(len(axis) for axis in axes)
        factor = self._net(channels.T.reshape(1, -1, *shape))
        low = torch.stack([axis[0] for axis in axes])
        high = torch.stack([axis[-1] for axis in axes])
        read = []
        for block in blocks_of(points, geometry):
            places = (2 * (block - low) / (high - low) - 1).flip(1)[None, None, None]
            there = nn.functional.grid_sample(factor, places, align_corners=True, padding_mode="zeros")
            read.append(there.reshape(-1) * self.fingerprints.envelope(geometry, block))
        return torch.cat(read)

    def coefficients(self, geometries: list[Geometry]) -> None:
        """It knows points only."""
        return

    def _seen(self, geometry: Geometry, points: torch.Tensor) -> torch.Tensor:
        told: torch.Tensor
        told = (
            self.fingerprints(geometry, points) if self.spec.kind == "combined" else self.fingerprints.channels(geometry, points)
        )
        return told

    def _axes(self, geometry: Geometry) -> list[torch.Tensor]:
        """Whole multiples of the coarsest level's cell, around the atoms."""
        step = self.spec.spacing * 2 ** (self.levels - 1)
        low = geometry.positions.min(dim=0).values - MARGIN
        counts = torch.ceil((geometry.positions.max(dim=0).values + MARGIN - low) / step).long() * 2 ** (self.levels - 1)
        if int(counts.prod()) > MOST_POINTS:
            raise NotEnoughMemory(
                f"a mesh of {int(counts.prod())} points for {len(geometry.numbers)} atoms does not fit; use the kind atoms"
            )
        return [low[i] + self.spec.spacing * torch.arange(int(counts[i]), device=low.device) for i in range(3)]

    def _net(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        kept = []
        for level, block in enumerate(self.down):
            x = block(x)
            if level < len(self.coarser):
                kept.append(x)
                x = self.coarser[level](x)
        for level in reversed(range(len(self.finer))):
            x = self.up[level](self.finer[level](x) + kept[level])
        said: torch.Tensor = self.last(x)
        return said


@final
class _Residual(nn.Module):
    """Two convolutions beside a straight way."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv3d(width, width, 3, padding=1), nn.Conv3d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        said: torch.Tensor = self.second(nn.functional.silu(self.first(nn.functional.silu(x))))
        return x + said
