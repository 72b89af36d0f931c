"""GFN2-xTB as a potential: a thousandth of a label's price, good enough to say where a path should run.

Its numbers never enter a dataset. Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 15, 1652 (2019), as tblite computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.base import Prediction
from reactal.units import BOHR, HARTREE

__all__ = ["XtbPotential", "xtb_is_installed"]

METHOD = "GFN2-xTB"
Floats = NDArray[np.float64]


def xtb_is_installed() -> bool:
    return find_spec("tblite") is not None


@final
class XtbPotential:
    """Implements `Potential`. Spreads are zero: one method has nobody to disagree with. A structure whose cycle does not
    converge gets NaN."""

    def __init__(self) -> None:
        self._running: dict[tuple[object, ...], Any] = {}

    def predict(self, frames: Frames) -> Prediction:
        energies = np.full(len(frames), np.nan)
        forces = np.full((len(frames.numbers), 3), np.nan)
        for i in range(len(frames)):
            rows = frames.atoms(i)
            energies[i], forces[rows] = self._single(
                frames.numbers[rows].astype(int),
                frames.positions[rows],
                charge=int(frames.charge[i]),
                unpaired=int(frames.multiplicity[i]) - 1,
            )
        return Prediction(energies, forces, np.zeros(len(frames)), np.zeros(len(frames.numbers)))

    def _single(self, numbers: NDArray[np.int64], positions: Floats, *, charge: int, unpaired: int) -> tuple[float, Floats]:
        calculator = self._calculator(numbers, positions, charge=charge, unpaired=unpaired)
        calculator.update(positions / BOHR)
        try:
            result = calculator.singlepoint()
        except RuntimeError:  # what tblite raises when its cycle does not converge
            return float("nan"), np.full((len(numbers), 3), np.nan)
        return float(result.get("energy")) * HARTREE, -np.asarray(result.get("gradient")) * HARTREE / BOHR

    def _calculator(self, numbers: NDArray[np.int64], positions: Floats, *, charge: int, unpaired: int) -> Any:
        key = (numbers.tobytes(), charge, unpaired)
        if key not in self._running:
            from tblite.interface import Calculator

            build: Callable[..., Any] = Calculator
            self._running[key] = build(METHOD, numbers, positions / BOHR, charge=float(charge), uhf=unpaired)
            self._running[key].set("verbosity", 0)
        return self._running[key]
