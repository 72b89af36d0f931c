"""GFN-xTB by tblite: a thousandth of a label's price, good enough to say where a path should run.

GFN2: Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 15, 1652 (2019). GFN1: Grimme, Bannwarth, Shushkov, ibid. 13, 1989
(2017). IPEA1: Asgeirsson, Bauer, Grimme, Chem. Sci. 8, 4879 (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.chem.elements import SYMBOLS
from reactal.errors import ReactalError, UnknownElement
from reactal.potentials.base import Prediction
from reactal.units import BOHR, HARTREE

__all__ = ["METHODS", "NotConverged", "Xtb", "XtbAnswer", "XtbPotential", "xtb_is_installed"]

METHODS = {"gfn1": "GFN1-xTB", "gfn2": "GFN2-xTB", "ipea1": "IPEA1-xTB"}
"""As tblite spells them."""
HEAVIEST = 86
Floats = NDArray[np.float64]
_Atoms = tuple[tuple[int, ...], int, int, tuple[bool, ...] | None]  # numbers, charge, multiplicity, pbc


def xtb_is_installed() -> bool:
    return find_spec("tblite") is not None


class NotConverged(ReactalError):
    """No energy: the self-consistent cycle found no end."""


@final
@dataclass(frozen=True, eq=False)
class XtbAnswer:
    """energy eV, forces (N, 3) eV/angstrom, dipole (3,) e*angstrom, virial (3, 3) eV: the energy's derivative by the strain."""

    energy: float
    forces: Floats
    dipole: Floats
    virial: Floats


@final
class Xtb:
    """Single points of one method; `settings` are tblite's own. Keeps what it has set up for each set of atoms."""

    def __init__(self, method: str = "gfn2", settings: Mapping[str, float | int] | None = None) -> None:
        self._method = METHODS[method]
        self._settings = {"verbosity": 0, **(settings or {})}
        self._running: dict[_Atoms, Any] = {}

    def single_point(
        self,
        numbers: Sequence[int],
        positions: Floats,
        *,
        charge: int,
        multiplicity: int,
        cell: Floats | None = None,
        pbc: Sequence[bool] = (False, False, False),
    ) -> XtbAnswer:
        """Lengths in angstrom. Raises `NotConverged` or `UnknownElement`."""
        cell = cell if cell is not None and any(pbc) else None
        lattice = None if cell is None else cell / BOHR
        key = (tuple(numbers), charge, multiplicity, None if cell is None else tuple(pbc))
        if max(numbers) > HEAVIEST:
            raise UnknownElement(f"{self._method} knows the elements up to {SYMBOLS[HEAVIEST]}, not {SYMBOLS[max(numbers)]}")
        try:
            if key not in self._running:
                self._running[key] = self._calculator(key, positions / BOHR, lattice)
            calculator = self._running[key]
            calculator.update(positions / BOHR, lattice)
            result = calculator.singlepoint()
        except RuntimeError as error:  # tblite's, when its cycle does not converge or atoms lie on each other
            raise NotConverged(f"{self._method}: {' '.join(str(error).split())}") from error
        return XtbAnswer(
            energy=float(result.get("energy")) * HARTREE,
            forces=-np.asarray(result.get("gradient")) * HARTREE / BOHR,
            dipole=np.asarray(result.get("dipole")) * BOHR,
            virial=np.asarray(result.get("virial")) * HARTREE,
        )

    def _calculator(self, key: _Atoms, positions: Floats, lattice: Floats | None) -> Any:
        from tblite.interface import Calculator

        numbers, charge, multiplicity, pbc = key
        build: Callable[..., Any] = Calculator
        cell = {} if lattice is None else {"lattice": lattice, "periodic": np.asarray(pbc)}
        made = build(self._method, np.asarray(numbers), positions, charge=float(charge), uhf=multiplicity - 1, **cell)
        for name, value in self._settings.items():
            made.set(name, value)
        return made


@final
class XtbPotential:
    """Implements `Potential`. Spreads are zero: one method has nobody to disagree with. A structure whose cycle does not
    converge gets NaN."""

    def __init__(self, method: str = "gfn2") -> None:
        self._xtb = Xtb(method)

    def predict(self, frames: Frames) -> Prediction:
        energies = np.full(len(frames), np.nan)
        forces = np.full((len(frames.numbers), 3), np.nan)
        for i in range(len(frames)):
            rows = frames.atoms(i)
            try:
                answer = self._xtb.single_point(
                    frames.numbers[rows].tolist(),
                    frames.positions[rows],
                    charge=int(frames.charge[i]),
                    multiplicity=int(frames.multiplicity[i]),
                    cell=None if frames.cell is None else frames.cell[i],
                    pbc=(False, False, False) if frames.pbc is None else frames.pbc[i].tolist(),
                )
            except NotConverged:
                continue
            energies[i], forces[rows] = answer.energy, answer.forces
        return Prediction(energies, forces, np.zeros(len(frames)), np.zeros(len(frames.numbers)))
