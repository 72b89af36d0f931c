"""How likely a candidate lies where the barrier is, from its place along the path and its energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import ConfigError
from reactal.selection.base import Candidates, Known, Round
from reactal.selection.schedule import Kind, Schedule

__all__ = ["TransitionRegion"]

BINS = 20  # along the path, to find its top
AGREED = 1e-3  # eV/angstrom, so that no doubt at all still has an order

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class TransitionRegion:
    """Doubt and nearness, logarithm of d^(1 - weight) * p^weight: d the disagreement, p a Gaussian about the top of the lowest
    energies along the path, `width` of the path wide and `energy_width` eV high."""

    width: float = 0.1
    energy_width: float = 0.3
    weight: float = 0.5
    weight_end: float = 0.5
    schedule: Kind = "constant"

    needs: ClassVar[tuple[str, ...]] = ("progress",)

    def __post_init__(self) -> None:
        if not (self.width > 0 and self.energy_width > 0 and 0 <= self.weight <= 1 and 0 <= self.weight_end <= 1):
            raise ConfigError(f"widths of the transition region are positive and its weights between 0 and 1, not {self}")
        Schedule(self.weight, self.weight_end, self.schedule)

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        assert candidates.progress is not None
        place, energy = top_of_path(candidates.progress, candidates.energy)
        away = np.square((candidates.progress - place) / self.width) + np.square((candidates.energy - energy) / self.energy_width)
        weight = Schedule(self.weight, self.weight_end, self.schedule).at(at)
        doubt = np.log(np.maximum(candidates.disagreement, AGREED))
        return np.asarray((1.0 - weight) * doubt - weight * 0.5 * away)


def top_of_path(progress: Floats, energy: Floats) -> tuple[float, float]:
    """Where along the path the lowest energy met at each place is highest, and that energy."""
    place = np.clip((progress * BINS).astype(np.int64), 0, BINS - 1)
    lowest = np.full(BINS, np.inf)
    np.minimum.at(lowest, place, energy)
    top = int(np.argmax(np.where(np.isfinite(lowest), lowest, -np.inf)))
    row = int(np.flatnonzero((place == top) & (energy == lowest[top]))[0])
    return float(progress[row]), float(energy[row])
