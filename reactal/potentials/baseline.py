"""A cheap method under the networks, which then have to learn only what it misses.

Delta-learning: Ramakrishnan, Dral, Rupp, von Lilienfeld, J. Chem. Theory Comput. 11, 2087 (2015). Labels stay what they are:
the baseline is taken from them when a member is trained, and given back with every prediction, in energy and in forces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import torch

from reactal.chem import Frames
from reactal.errors import ConfigError
from reactal.potentials.base import Prediction
from reactal.potentials.xtb import METHODS, XtbPotential

__all__ = ["Baseline"]


@final
@dataclass(frozen=True)
class Baseline:
    """GFN-xTB: `gfn1`, `gfn2` or `ipea1`. Where it does not converge there is NaN: such a label is not trained on, such a
    prediction is not finite."""

    method: str

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"there is no baseline {self.method!r}; write one of: {', '.join(METHODS)}")

    def predict(self, frames: Frames) -> Prediction:
        """Energy and forces of the cheap method, on as many threads as this process's networks may use."""
        return XtbPotential(self.method, threads=torch.get_num_threads()).predict(frames)

    def less(self, frames: Frames) -> Frames:
        """The same structures, with what the baseline misses for labels."""
        cheap = self.predict(frames)
        return replace(frames, energy=frames.energy - cheap.energy, forces=frames.forces - cheap.forces)
