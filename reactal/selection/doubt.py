"""Acquisitions that look at the doubt of the model alone, and the lot, which looks at nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from reactal.selection.base import Candidates, Known, Round

__all__ = ["Disagreement", "Lot"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Lot:
    """By lot: the control that every other strategy is held against."""

    needs: ClassVar[tuple[str, ...]] = ()

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        return rng.random(len(candidates))


@final
@dataclass(frozen=True)
class Disagreement:
    """The largest force spread, eV/angstrom."""

    needs: ClassVar[tuple[str, ...]] = ()

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        return candidates.disagreement
