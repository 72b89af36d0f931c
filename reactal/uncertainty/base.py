"""One value for every kind of doubt, with its unit and its meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.potentials.base import Prediction
from reactal.uncertainty.reliability import Reliability

__all__ = ["Meaning", "Uncertainty", "combined", "of_prediction"]

Floats = NDArray[np.float64]
TINY = 1e-9

Meaning = Literal["standard deviation", "spread of members", "distance"]


@final
@dataclass(frozen=True, eq=False)
class Uncertainty:
    """The doubt about n structures with A atoms: `structures` (n,), the larger the less is known, in `unit`; where the kind has
    them also energies (n,) eV and forces (A,) eV/angstrom. `meaning` says what one of these numbers stands for; none is a bound
    on an error before it was calibrated."""

    kind: str
    structures: Floats
    unit: str
    meaning: Meaning
    energies: Floats | None = None
    forces: Floats | None = None

    def in_errors(self, calibration: Uncertainty, errors: ArrayLike) -> Uncertainty:
        """In the unit of `errors` (m,), which the structures of `calibration`, of the same kind, turned out to have: scaled so
        that the mean squares agree there."""
        if calibration.kind != self.kind:
            raise InputError(f"{calibration.kind} says nothing of what {self.kind} means; calibrate each kind by itself")
        scale = Reliability.of(calibration.structures, errors, floor=TINY).scale
        if scale is None:
            raise InputError(f"{self.kind} cannot be scaled without errors to scale it to")
        return Uncertainty(self.kind, scale * self.structures, "eV/angstrom", "standard deviation")


def of_prediction(prediction: Prediction, frames: Frames) -> Uncertainty:
    """Of a committee, full or shared, dropout or evidence: whatever the model gives as the spread of what it says."""
    return Uncertainty(
        "committee",
        prediction.disagreement(frames),
        "eV/angstrom",
        "spread of members",
        energies=prediction.energy_spread,
        forces=prediction.force_spread,
    )


def combined(parts: Sequence[Uncertainty], weights: Sequence[float] | None = None) -> Uncertainty:
    """The weighted root mean square of several kinds; they must have come to one unit before."""
    units = {part.unit for part in parts}
    if len(units) != 1:
        raise InputError(
            f"doubts in {', '.join(sorted(units)) or 'no unit'} do not combine; bring them to one unit of error first"
        )
    share = np.ones(len(parts)) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(share) != len(parts) or (share < 0).any() or share.sum() <= 0:
        raise InputError(f"{len(parts)} doubts need as many weights, none negative and not all zero")
    square = sum(w * np.square(part.structures) for w, part in zip(share / share.sum(), parts, strict=True))
    name = " and ".join(part.kind for part in parts)
    return Uncertainty(name, np.sqrt(np.asarray(square)), parts[0].unit, "standard deviation")
