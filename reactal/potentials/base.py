"""A potential as exploration, selection and validation see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames

__all__ = ["Potential", "Prediction"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Prediction:
    """For n structures with A atoms: energy (n,) eV, forces (A, 3) eV/angstrom, and how far the members disagree:
    energy_spread (n,) eV and force_spread (A,) eV/angstrom, the root mean square over members of the norm of the
    deviation from the mean force; zeros for a single model. What a model that gives evidence says of its own error is in them."""

    energy: Floats
    forces: Floats
    energy_spread: Floats
    force_spread: Floats

    def disagreement(self, frames: Frames) -> Floats:
        """The largest force spread of an atom in each structure (n,) eV/angstrom."""
        return frames.per_structure_max(self.force_spread)


class Potential(Protocol):
    """Energies and forces from a model."""

    def predict(self, frames: Frames) -> Prediction:
        """Whatever labels the frames hold is ignored. Deterministic; any number and mix of sizes of structures."""
