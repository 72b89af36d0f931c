"""What predicts residual densities, seen from outside, and the kinds of it by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, final, get_args

import torch

from reactal.density.layout import Layout
from reactal.density.lessons import Geometry
from reactal.errors import ConfigError

__all__ = ["DensityNetwork", "Kind", "NetworkSpec", "build_network"]

Kind = Literal["atoms", "points", "unet", "combined"]
SIZES: Mapping[str, tuple[int, int]] = {"tiny": (16, 2), "small": (32, 3), "medium": (64, 3), "large": (128, 4)}
"""Features (or channels of the finest mesh) and layers (or levels) of a size."""


@final
@dataclass(frozen=True)
class NetworkSpec:
    """`atoms`: an equivariant network from atoms to coefficients of functions around them. `points`: one network on what no
    rotation changes of a point. `unet`: a residual 3D U-Net on a mesh. `combined`: a U-Net whose channels are those features.

    `cutoff` in bohr, `spacing` of the mesh in bohr.
    """

    kind: Kind = "atoms"
    size: str = "small"
    cutoff: float = 9.0
    spacing: float = 0.6
    elements: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError(f"density network {self.kind!r} is unknown; write one of {', '.join(get_args(Kind))}")
        if self.size not in SIZES:
            raise ConfigError(f"size {self.size!r} of a density network is unknown; write one of {', '.join(SIZES)}")
        object.__setattr__(self, "elements", tuple(self.elements))

    @property
    def features(self) -> int:
        return SIZES[self.size][0]

    @property
    def layers(self) -> int:
        return SIZES[self.size][1]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "elements": list(self.elements)}


class DensityNetwork(Protocol):
    """A residual density from atoms; a `torch.nn.Module`. Turning the atoms turns the density: exactly for `atoms` and `points`,
    as well as it was taught for a U-Net."""

    def values(self, geometry: Geometry, points: torch.Tensor) -> torch.Tensor:
        """The residual density (electrons for each bohr^3) at points (P, 3) in bohr: (P,). For networks on points or a mesh;
        `atoms` raises `NotImplementedError`, since the functions around the atoms know it without a network."""

    def coefficients(self, geometries: list[Geometry]) -> list[torch.Tensor] | None:
        """For each geometry the coefficients (K,) of its fitting functions; None from a network that only knows points."""


def build_network(spec: NetworkSpec, layout: Layout, *, seed: int) -> Any:
    """Freshly initialised from the seed; the process's random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if spec.kind == "atoms":
            from reactal.density.atom_network import AtomNetwork

            return AtomNetwork(spec, layout)
        if spec.kind == "points":
            from reactal.density.point_network import PointNetwork

            return PointNetwork(spec)
        from reactal.density.mesh_network import MeshNetwork

        return MeshNetwork(spec)
