"""Energies of the elements, fitted to the data: the large constant that a network need not learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.chem.elements import SYMBOLS
from reactal.errors import UnknownElement

__all__ = ["References"]

Floats = NDArray[np.float64]
RIDGE = 1e-6  # of the largest curvature; decides between the many solutions where the compositions do not


@final
@dataclass(frozen=True)
class References:
    """Atomic number to energy in eV, by number."""

    energies: tuple[tuple[int, float], ...]

    @classmethod
    def fit(cls, frames: Frames, *, known: References | None = None) -> References:
        """Least squares over the labelled frames; elements that are known already keep their energy."""
        return cls.over([frames], known=known)

    @classmethod
    def over(cls, parts: Iterable[Frames], *, known: References | None = None) -> References:
        """As `fit`, over the frames of all parts, of which one at a time is looked at."""
        known = known or cls(())
        fixed = dict(known.energies)
        gram, right = np.zeros((len(SYMBOLS), len(SYMBOLS))), np.zeros(len(SYMBOLS))
        for part in parts:
            frames = part[np.flatnonzero(part.labelled)]
            fresh = sorted(set(frames.numbers.tolist()) - set(fixed))
            if fresh:
                counts = [np.add.reduceat((frames.numbers == z).astype(float), frames.offsets[:-1]) for z in fresh]
                columns = np.stack(counts, axis=1)
                gram[np.ix_(fresh, fresh)] += columns.T @ columns
                right[fresh] += columns.T @ (frames.energy - known._summed(frames, unknown=0.0))
        fresh = np.flatnonzero(gram.diagonal()).tolist()
        if not fresh:
            return known
        gram = gram[np.ix_(fresh, fresh)]
        solution = np.linalg.solve(gram + RIDGE * gram.diagonal().max() * np.eye(len(fresh)), right[fresh])
        return cls(tuple(sorted({**fixed, **dict(zip(fresh, solution.tolist(), strict=True))}.items())))

    @classmethod
    def from_json(cls, data: Mapping[str, float]) -> References:
        return cls(tuple(sorted((int(z), float(e)) for z, e in data.items())))

    def as_json(self) -> dict[str, float]:
        return {str(z): e for z, e in self.energies}

    @property
    def elements(self) -> tuple[int, ...]:
        return tuple(z for z, _ in self.energies)

    def sum(self, frames: Frames) -> Floats:
        """Of each structure (n,) eV."""
        strange = sorted(set(frames.numbers.tolist()) - set(self.elements))
        if strange:
            raise UnknownElement(
                f"the potential was trained on {', '.join(SYMBOLS[z] for z in self.elements)} and knows nothing of "
                f"{', '.join(SYMBOLS[z] for z in strange)}"
            )
        return self._summed(frames, unknown=np.nan)

    def _summed(self, frames: Frames, *, unknown: float) -> Floats:
        table = np.full(len(SYMBOLS), unknown)
        for z, energy in self.energies:
            table[z] = energy
        return np.add.reduceat(table[frames.numbers], frames.offsets[:-1]) if len(frames) else np.zeros(0)
