"""Acquisitions that look for low or high energies, and how sure the model is of them.

In a campaign low energies are the structures that will be met; along a path high ones are those near the barrier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

from reactal.errors import ConfigError
from reactal.selection.base import Candidates, Known, Round
from reactal.selection.schedule import Kind, Schedule

__all__ = ["ConfidenceBound", "ExpectedImprovement", "Seek", "Thompson", "log_improvement"]

Seek = Literal["low", "high"]
Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

SURE = 1e-6  # eV; less spread than this is none
DRAWS = 4096  # more than any batch
FAR = -1e4  # standard deviations, from where an expansion is more exact than the formula


@final
@dataclass(frozen=True)
class ConfidenceBound:
    """mean + kappa * spread of what is sought, eV: the energy if `seek` is high, its negative if low."""

    seek: Seek = "low"
    kappa: float = 2.0
    kappa_end: float = 2.0
    schedule: Kind = "constant"

    needs: ClassVar[tuple[str, ...]] = ("energy_spread",)

    def __post_init__(self) -> None:
        _sign(self.seek)
        Schedule(self.kappa, self.kappa_end, self.schedule)

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        assert candidates.energy_spread is not None
        kappa = Schedule(self.kappa, self.kappa_end, self.schedule).at(at)
        return np.asarray(_sign(self.seek) * candidates.energy + kappa * candidates.energy_spread)


@final
@dataclass(frozen=True)
class ExpectedImprovement:
    """Logarithm of the amount by which a label is expected to beat the best that is known, eV; without labels, the best mean."""

    seek: Seek = "low"

    needs: ClassVar[tuple[str, ...]] = ("energy_spread",)

    def __post_init__(self) -> None:
        _sign(self.seek)

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        assert candidates.energy_spread is not None
        sign = _sign(self.seek)
        labels = candidates.energy if known.energy is None or not len(known.energy) else known.energy
        spread = np.maximum(candidates.energy_spread, SURE)
        return np.log(spread) + log_improvement((sign * candidates.energy - np.max(sign * labels)) / spread)


@final
@dataclass(frozen=True)
class Thompson:
    """A member is drawn for each place of the batch, and the best of what is left, as it sees things, takes the place.

    `seek` doubt: the candidate about which that member differs most from the mean. A score counts how many come after.
    """

    seek: Literal["low", "high", "doubt"] = "doubt"

    needs: ClassVar[tuple[str, ...]] = ("member_energies",)

    def __post_init__(self) -> None:
        if self.seek != "doubt":
            _sign(self.seek)

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        assert candidates.member_energies is not None
        energies = candidates.member_energies
        worth = np.abs(energies - energies.mean(axis=0)) if self.seek == "doubt" else _sign(self.seek) * energies
        n = energies.shape[1]
        drawn = rng.integers(0, len(energies), min(n, DRAWS))
        rest = worth.mean(axis=0)  # of those whose turn does not come: below all others, in this order
        scores = np.empty(n)
        scores[np.argsort(rest, kind="stable")] = np.arange(n)
        orders = [np.argsort(-row, kind="stable") for row in worth]
        scores[_in_turns(orders, drawn)] = n + np.arange(len(drawn), 0, -1)
        return scores


def _in_turns(orders: list[Rows], drawn: Rows) -> Rows:
    """For each drawn member the first of its order that nobody has taken before."""
    taken: set[int] = set()
    place = [0] * len(orders)
    out = []
    for member in drawn:
        order = orders[member]
        while int(order[place[member]]) in taken:
            place[member] += 1
        taken.add(int(order[place[member]]))
        out.append(int(order[place[member]]))
    return np.asarray(out, dtype=np.int64)


def log_improvement(z: Floats) -> Floats:
    """log(phi(z) + z Phi(z)), exact where the terms cancel: Ament, Daulton, Eriksson, Balandat, Bakshy, arXiv:2310.20708."""
    low = np.minimum(z, -1.0)
    ratio = np.log1p(np.sqrt(0.5 * np.pi) * low * erfcx(-low / np.sqrt(2.0)), where=low > FAR, out=-2.0 * np.log(-low))
    high = np.maximum(z, -1.0)
    density = np.exp(-0.5 * high**2) / np.sqrt(2.0 * np.pi)
    return np.asarray(np.where(z < -1.0, -0.5 * low**2 - 0.5 * np.log(2.0 * np.pi) + ratio, np.log(density + high * ndtr(high))))


def _sign(seek: str) -> float:
    if seek not in get_args(Seek):
        raise ConfigError(f"what is sought is low or high, not {seek}")
    return 1.0 if seek == "high" else -1.0
