"""Short-range repulsion, so that dynamics cannot collapse atoms where no data can be.

Ziegler, Biersack, Littmark, "The Stopping and Range of Ions in Solids" (1985): the screened nuclear repulsion
E = e^2/(4 pi eps0) Z_i Z_j / r * phi(r / a), a = 0.46850 angstrom / (Z_i^0.23 + Z_j^0.23), times a switch that is exactly
zero beyond `reach` * (R_i + R_j), R the covalent radii: bonded structures never feel it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch

from reactal.chem.elements import COVALENT_RADII
from reactal.potentials.batch import AtomBatch
from reactal.units import BOHR, HARTREE

__all__ = ["ScreenedRepulsion"]

COULOMB = HARTREE * BOHR  # eV angstrom: the energy of two unit charges one angstrom apart
# phi(x) = sum c exp(-d x)
PHI = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
SCREENING_LENGTH = 0.46850  # angstrom
SCREENING_POWER = 0.23


@final
@dataclass(frozen=True)
class ScreenedRepulsion:
    """Switched off smoothly (twice differentiable) at `reach` times the sum of the covalent radii; 0 is no prior."""

    reach: float = 0.75

    def pair_energy(self, z_first: torch.Tensor, z_second: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
        """Energy (P,) eV of pairs of atomic numbers (P,) at distances (P,) angstrom."""
        if not self.reach:
            return torch.zeros_like(distance)
        charges = z_first.to(distance) ** SCREENING_POWER + z_second.to(distance) ** SCREENING_POWER
        screened = distance * charges / SCREENING_LENGTH
        phi = sum((c * torch.exp(-d * screened) for c, d in PHI), torch.zeros_like(distance))
        x = (distance / self._ends(z_first, z_second).to(distance)).clamp(max=1.0)
        # 1 at x = 0, 0 at x = 1, first and second derivatives 0 at x = 1
        switch = (1 - x) ** 3 * (1 + 3 * x + 6 * x**2)
        return COULOMB * z_first * z_second / distance * phi * switch

    def _ends(self, z_first: torch.Tensor, z_second: torch.Tensor) -> torch.Tensor:
        radii = torch.tensor(COVALENT_RADII, dtype=torch.float64, device=z_first.device)
        return self.reach * (radii[z_first] + radii[z_second])

    def energy(self, batch: AtomBatch) -> torch.Tensor:
        """Energy (n,) eV, each pair counted once; differentiable in the positions where an atom pair is close."""
        total = torch.zeros(batch.structures, dtype=batch.positions.dtype, device=batch.positions.device)
        vectors = batch.vectors()
        z_first, z_second = batch.numbers[batch.first], batch.numbers[batch.second]
        distance = vectors.norm(dim=1)
        close = (distance < self._ends(z_first, z_second)).nonzero().squeeze(1)
        if not len(close):
            return total
        half = 0.5 * self.pair_energy(z_first[close], z_second[close], distance[close])  # a pair is listed in both directions
        return total.index_add(0, batch.owner[batch.first[close]], half)
