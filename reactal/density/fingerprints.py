"""What a point in space sees of the atoms around it: smeared atoms of each element at several widths, and their contractions.

For an element e and a width w, with g(r) = exp(-r^2 / 2 w^2) and unit vectors u from the point to the atoms:
    s = sum g(r),  v = sum g(r) u,  Q = sum g(r) (u u^T - 1/3)
and of them what no rotation changes: s, |v|^2, tr(Q Q), v^T Q v, products of two elements' v and Q, and the free atoms' overlap.
`channels` gives, as the paper of DeepSCF does, for each element its smeared density, the ions' charge and the overlap of atoms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import nn

from reactal.density.lessons import Geometry

__all__ = ["Fingerprints", "blocks_of"]

WIDTHS = (0.4, 0.7, 1.1, 1.7, 2.6)  # bohr
BLOCK, ATOMS = 65_536, 20  # points at once of up to so many atoms: their fingerprints take some 200 MB
VALENCE = {1: 1.0, 6: 4.0, 7: 5.0, 8: 6.0, 9: 7.0, 14: 4.0, 15: 5.0, 16: 6.0, 17: 7.0}


def blocks_of(points: torch.Tensor, geometry: Geometry) -> tuple[torch.Tensor, ...]:
    """Points (P, 3) in blocks that need as much memory however many atoms there are."""
    parts: tuple[torch.Tensor, ...] = points.split(BLOCK * ATOMS // max(ATOMS, len(geometry.numbers)))
    return parts


@final
class Fingerprints(nn.Module):
    """Of points (P, 3) in bohr, for the elements that a network knows."""

    def __init__(self, elements: Sequence[int], widths: Sequence[float] = WIDTHS) -> None:
        super().__init__()
        self.elements = tuple(elements)
        self.widths: torch.Tensor
        self.charges: torch.Tensor
        self.register_buffer("widths", torch.tensor(list(widths)), persistent=False)
        charges = torch.zeros(max(self.elements) + 1)
        charges[list(self.elements)] = torch.tensor([VALENCE.get(number, 4.0) for number in self.elements])
        self.register_buffer("charges", charges, persistent=False)

    @property
    def invariants(self) -> int:
        """How many numbers `forward` gives for a point."""
        kinds, widths = len(self.elements), len(self.widths)
        return widths * (4 * kinds + kinds * (kinds - 1)) + 1

    @property
    def channels_count(self) -> int:
        """How many numbers `channels` gives for a point."""
        return len(self.elements) * 2 + 2

    def forward(self, geometry: Geometry, points: torch.Tensor) -> torch.Tensor:
        """What no rotation changes (P, invariants), compressed by log(1 + x) where it cannot be negative."""
        scalar, vector, tensor, envelope = self._sums(geometry, points)
        bent = torch.einsum("peka,pekab,pekb->pek", vector, tensor, vector)
        parts = [
            torch.log1p(4 * scalar),
            torch.sqrt((vector**2).sum(dim=3) + 1e-8),
            torch.sqrt((tensor**2).sum(dim=(3, 4)) + 1e-8),
            bent / (1e-4 + (vector**2).sum(dim=3)),
        ]
        for one in range(len(self.elements)):
            for other in range(one + 1, len(self.elements)):
                parts.append((vector[:, one] * vector[:, other]).sum(dim=2)[:, None])
                parts.append((tensor[:, one] * tensor[:, other]).sum(dim=(2, 3))[:, None])
        return torch.cat([part.flatten(1) for part in parts] + [torch.log(envelope + 1e-6)[:, None]], dim=1)

    def channels(self, geometry: Geometry, points: torch.Tensor) -> torch.Tensor:
        """Each element's smeared atoms at two widths, the ions' charge and the overlap of atoms (P, channels)."""
        scalar, _, _, _ = self._sums(geometry, points)
        ions = self.charges[geometry.numbers]
        apart = torch.cdist(points, geometry.positions)
        smeared = torch.exp(-0.5 * apart**2)
        charge = (smeared * ions).sum(dim=1, keepdim=True)
        overlap = charge**2 - ((smeared * ions) ** 2).sum(dim=1, keepdim=True)
        return torch.cat([scalar[:, :, 1], scalar[:, :, 2], torch.log1p(charge), torch.log1p(overlap.clamp(min=0))], dim=1)

    def envelope(self, geometry: Geometry, points: torch.Tensor) -> torch.Tensor:
        """Roughly the free atoms' density (P,): where it is nothing, so is the residual."""
        apart = torch.cdist(points, geometry.positions)
        return (torch.exp(-1.4 * apart) * self.charges[geometry.numbers]).sum(dim=1)

    def _sums(self, geometry: Geometry, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        away = geometry.positions[None] - points[:, None]
        apart = away.norm(dim=2).clamp(min=1e-4)
        unit = away / apart[..., None]
        smooth = torch.tanh(apart / 0.3)  # directions mean nothing at the nucleus
        gauss = torch.exp(-0.5 * (apart[..., None] / self.widths) ** 2)
        pair = unit[..., :, None] * unit[..., None, :] - torch.eye(3, device=points.device) / 3
        scalars, vectors, tensors = [], [], []
        for number in self.elements:
            mine = geometry.numbers == number
            g = gauss[:, mine]
            scalars.append(g.sum(dim=1))
            directed = g * smooth[:, mine, None]
            vectors.append(torch.einsum("pnk,pna->pka", directed, unit[:, mine]))
            tensors.append(torch.einsum("pnk,pnab->pkab", directed * smooth[:, mine, None], pair[:, mine]))
        envelope = (torch.exp(-1.4 * apart) * self.charges[geometry.numbers]).sum(dim=1)
        return torch.stack(scalars, 1), torch.stack(vectors, 1), torch.stack(tensors, 1), envelope
