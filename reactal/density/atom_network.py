"""From atoms to the coefficients of functions around them: PaiNN's messages, with features up to any l, and products on atoms.

A message carries an atom's scalars into spherical harmonics of the bond, and its features along it, each l by its own radial
weights (Schuett et al., ICML 2021, for l = 1). On each atom the features are then multiplied with one another, which gives angles
between bonds (Batzner et al., Nature Communications 2022, do so in the messages, where it costs a pair instead of an atom).
"""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from reactal.density.coupling import SphericalProduct, harmonics
from reactal.density.layout import Layout
from reactal.density.lessons import Geometry
from reactal.density.settings import NetworkSpec
from reactal.potentials.schnetpack_compat import nn as layers

__all__ = ["AtomNetwork"]

RADIAL = 20
CHUNK = 4096  # pairs at once


@final
class AtomNetwork(nn.Module):
    """A `DensityNetwork` of the kind `atoms`."""

    def __init__(self, spec: NetworkSpec, layout: Layout) -> None:
        super().__init__()
        self.spec, self.layout = spec, layout
        features, top = spec.features, layout.angular
        self.harmonics = harmonics(top).float()
        self.radial = layers.BesselRBF(RADIAL, spec.cutoff)
        self.cutoff = layers.CosineCutoff(spec.cutoff)
        self.embedding = nn.Embedding(len(layout.elements), features)
        self.blocks = nn.ModuleList(_Block(features, top) for _ in range(spec.layers))
        self.gate = nn.Sequential(nn.Linear(features, features), nn.SiLU(), nn.Linear(features, features * (top + 1)))
        heads = (torch.randn(len(layout.elements), count, features) * 0.3 / features**0.5 for count in layout.counts)
        self.heads = nn.ParameterList(nn.Parameter(head) for head in heads)
        self.mean: torch.Tensor
        self.scale: torch.Tensor
        self.register_buffer("mean", torch.zeros(len(layout.elements), layout.width))
        self.register_buffer("scale", torch.ones(len(layout.elements), layout.width))

    def values(self, geometry: Geometry, points: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("the fitting functions have the values at points")

    def coefficients(self, geometries: list[Geometry]) -> list[torch.Tensor]:
        """(K,) of each geometry; `UnknownElement` for one with other elements."""
        numbers = torch.cat([one.numbers for one in geometries])
        kind = self.layout.kind(numbers)
        own = self._own(geometries, kind) * self.scale[kind] + self.mean[kind]
        sizes = [len(one.numbers) for one in geometries]
        return [
            part.reshape(-1)[self.layout.take(one.numbers).to(part.device)]
            for one, part in zip(geometries, own.split(sizes), strict=True)
        ]

    def _own(self, geometries: list[Geometry], kind: torch.Tensor) -> torch.Tensor:
        """Coefficients of each atom (A, width), in units of their scale."""
        first, second, vectors = _pairs(geometries, self.spec.cutoff)
        distance = vectors.norm(dim=1, keepdim=True)
        around = self.harmonics(vectors / distance)
        radial = self.radial(distance).reshape(len(distance), RADIAL) * self.cutoff(distance).reshape(-1, 1)
        x = torch.zeros(len(kind), around.shape[1], self.spec.features, device=vectors.device)
        x = torch.cat([self.embedding(kind)[:, None], x[:, 1:]], dim=1)
        for block in self.blocks:
            x = block(x, radial, around, first, second)
        gates = self.gate(x[:, 0]).reshape(len(kind), -1, self.spec.features)
        parts = []
        for one, head in enumerate(self.heads):
            here = x[:, one * one : (one + 1) ** 2] * gates[:, one, None]
            parts.append(torch.einsum("amf,anf->anm", here, head[kind]).reshape(len(kind), -1))
        return torch.cat(parts, dim=1)

    def standardise(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        """Mean and width of each element's coefficients (elements, width); for l > 0 the mean is zero; one width serves all m."""
        self.mean.copy_(mean)
        self.scale.copy_(scale)


@final
class _Block(nn.Module):
    """A message along bonds, then a product on each atom; both are added to the features (A, (l+1)^2, F)."""

    def __init__(self, features: int, top: int) -> None:
        super().__init__()
        self.top, self.features = top, features
        self.degree: torch.Tensor
        self.register_buffer("degree", torch.cat([torch.full((2 * one + 1,), one) for one in range(top + 1)]), persistent=False)
        width = features * (2 * top + 1)
        self.sent = nn.Sequential(nn.Linear(features, features), nn.SiLU(), nn.Linear(features, width))
        self.filters = nn.Linear(RADIAL, width)
        self.mixed, self.other = nn.Linear(features, features, bias=False), nn.Linear(features, features, bias=False)
        self.product = SphericalProduct(top)
        self.update = nn.Sequential(
            nn.Linear(features * (top + 2), features), nn.SiLU(), nn.Linear(features, features * (top + 1))
        )
        self.last = nn.Linear(features, features, bias=False)

    def forward(
        self, x: torch.Tensor, radial: torch.Tensor, around: torch.Tensor, first: torch.Tensor, second: torch.Tensor
    ) -> torch.Tensor:
        calm = self._calm(x)
        sent = self.sent(calm[:, 0])
        for begin in range(0, len(first), CHUNK):
            rows = slice(begin, begin + CHUNK)
            here = self._message(calm, sent, radial[rows], around[rows], second[rows])
            x = x.index_add(0, first[rows], here)
        calm = self._calm(x)
        mixed = self.mixed(calm)
        made = mixed + self.product(mixed, self.other(calm))
        lengths = [(made[:, one * one : (one + 1) ** 2] ** 2).mean(dim=1) for one in range(1, self.top + 1)]
        told = torch.cat([calm[:, 0], made[:, 0], *(torch.sqrt(length + 1e-6) for length in lengths)], dim=1)
        gates = self.update(told).reshape(len(x), self.top + 1, self.features)
        scalars = gates[:, :1]
        return x + torch.cat([scalars, self.last(made * gates[:, self.degree])[:, 1:]], dim=1)

    def _calm(self, x: torch.Tensor) -> torch.Tensor:
        """Features of each l no longer than one: products of long ones would grow without end."""
        parts = [x[:, one * one : (one + 1) ** 2] for one in range(self.top + 1)]
        return torch.cat(
            [part / torch.sqrt(1 + (part**2).sum(dim=1, keepdim=True).mean(dim=2, keepdim=True)) for part in parts], 1
        )

    def _message(
        self, x: torch.Tensor, sent: torch.Tensor, radial: torch.Tensor, around: torch.Tensor, second: torch.Tensor
    ) -> torch.Tensor:
        weights = (sent[second] * self.filters(radial)).reshape(len(second), 2 * self.top + 1, self.features)
        degree = self.degree
        along: torch.Tensor = weights[:, degree] * around[:, :, None]
        carried = x[second][:, 1:] * weights[:, self.top + degree[1:]]
        return along + nn.functional.pad(carried, (0, 0, 1, 0))


def _pairs(geometries: list[Geometry], cutoff: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every two atoms of a geometry within the cutoff, both ways round, and the vector from the first to the second."""
    firsts, seconds, vectors, begin = [], [], [], 0
    for one in geometries:
        apart = torch.cdist(one.positions, one.positions) if len(one.positions) else one.positions
        first, second = torch.nonzero((apart < cutoff) & (apart > 0.0), as_tuple=True)
        firsts.append(first + begin)
        seconds.append(second + begin)
        vectors.append(one.positions[second] - one.positions[first])
        begin += len(one.numbers)
    return torch.cat(firsts), torch.cat(seconds), torch.cat(vectors)
