"""Which structures are informative: those the committee doubts, but not those it knows nothing about.

Plain maximum disagreement picks runaway frames, whose labels teach nothing about the reaction (18 of 20 labels in one
campaign by hand); hence a band with an upper end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.errors import InputError

__all__ = ["DoubtfulBand"]

Rows = NDArray[np.int64]


@final
@dataclass(frozen=True)
class DoubtfulBand:
    """Disagreements worth a label, eV/angstrom: below `low` the model is sure already, above `high` it has run away."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.low < self.high:
            raise InputError(f"the doubtful band from {self.low} to {self.high} eV/angstrom is empty; raise its upper end")

    def ranked(self, disagreement: ArrayLike, among: Rows) -> tuple[Rows, Rows, Rows]:
        """`among` split into doubtful and sure, each by falling disagreement, and runaway; ties keep their order."""
        values = np.asarray(disagreement, dtype=np.float64)[among]
        order = np.argsort(-values, kind="stable")
        rows, values = among[order], values[order]
        return rows[(values >= self.low) & (values <= self.high)], rows[values < self.low], rows[values > self.high]
