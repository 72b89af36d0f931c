"""What predicts residual densities, seen from outside, and the kinds of it by name."""

from __future__ import annotations

from typing import Any, Protocol

import torch

from reactal.density.layout import Layout
from reactal.density.lessons import Geometry
from reactal.density.settings import NetworkSpec

__all__ = ["DensityNetwork", "build_network"]


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
