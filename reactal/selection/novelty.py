"""How far a candidate is from everything that is labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from reactal.selection.base import Candidates, Known, Round
from reactal.selection.nearest import centred, nearest_squared

__all__ = ["Novelty"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Novelty:
    """The distance to the nearest labelled structure, in the unit of the features; to the middle of the pool where none is.

    In latent space the best single-model doubt of Janet, Duan, Yang, Nandy, Kulik, Chem. Sci. 10, 7913 (2019).
    """

    needs: ClassVar[tuple[str, ...]] = ("features",)

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        assert candidates.features is not None
        some = candidates.features.mean(axis=0, keepdims=True) if known.features is None else known.features
        points, others = centred(candidates.features, some if len(some) else candidates.features[:1])
        return np.sqrt(nearest_squared(points, others), dtype=np.float64)
