"""The two ends of a reaction, and which of them a geometry is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.exploration.bonds import same_bonds

__all__ = ["Ends"]


@final
@dataclass(frozen=True)
class Ends:
    reactant: Structure
    product: Structure

    def name(self, positions: NDArray[np.float64]) -> str:
        """reactant | product | other: by the bonds of positions (N, 3)."""
        here = self.reactant.moved(positions)
        if same_bonds(here, self.reactant):
            return "reactant"
        return "product" if same_bonds(here, self.product) else "other"

    def between(self, positions: NDArray[np.float64]) -> bool:
        """Neither of the two."""
        return self.name(positions) == "other"
