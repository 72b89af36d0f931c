"""GFN-xTB by tblite: a thousandth of a label's price, good enough to say where a path should run.

GFN2: Bannwarth, Ehlert, Grimme, J. Chem. Theory Comput. 15, 1652 (2019). GFN1: Grimme, Bannwarth, Shushkov, ibid. 13, 1989
(2017). IPEA1: Asgeirsson, Bauer, Grimme, Chem. Sci. 8, 4879 (2017).
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from typing import Any, final
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.chem.elements import SYMBOLS
from reactal.errors import ConfigError, ReactalError, UnknownElement
from reactal.potentials.base import Prediction
from reactal.units import BOHR, HARTREE

__all__ = ["METHODS", "NotConverged", "Xtb", "XtbAnswer", "XtbPotential", "xtb_is_installed"]

METHODS = {"gfn1": "GFN1-xTB", "gfn2": "GFN2-xTB", "ipea1": "IPEA1-xTB"}
"""As tblite spells them."""
HEAVIEST = 86
Floats = NDArray[np.float64]
_mine = threading.local()  # tblite's calculators belong to one thread
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
    """Single points of one method; `settings` are tblite's own. Keeps what it has set up for each set of atoms.

    On one thread: several add up in the order in which they happen to end, and the numbers would not come again.
    """

    def __init__(self, method: str = "gfn2", settings: Mapping[str, float | int] | None = None) -> None:
        self._method = METHODS[method]
        self._settings = {"verbosity": 0, **(settings or {})}
        self._running: dict[_Atoms, Any] = {}
        _at_work.add(self)

    def close(self) -> None:
        """Let go of what is set up; a later single point sets it up anew."""
        self._running.clear()

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
            with _one_thread():
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


_at_work: WeakSet[Xtb] = WeakSet()


@atexit.register
def _close_all() -> None:
    """tblite frees its calculators through a module that the interpreter may have taken down by then."""
    for xtb in tuple(_at_work):
        xtb.close()


@contextmanager
def _one_thread() -> Iterator[None]:
    """For OpenMP in the calling thread; what it had before comes back."""
    with _libraries().limit(limits=1, user_api="openmp"):
        yield


@cache
def _libraries() -> Any:
    import tblite.interface  # noqa: F401  its OpenMP must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@final
class XtbPotential:
    """Implements `Potential`. Spreads are zero: one method has nobody to disagree with. A structure whose cycle does not
    converge gets NaN. `threads` structures at a time; their number changes no number."""

    def __init__(self, method: str = "gfn2", *, threads: int = 1) -> None:
        if method not in METHODS:
            raise ConfigError(f"there is no GFN-xTB {method!r}; write one of: {', '.join(METHODS)}")
        self._method, self._threads = method, threads

    def predict(self, frames: Frames) -> Prediction:
        energies = np.full(len(frames), np.nan)
        forces = np.full((len(frames.numbers), 3), np.nan)
        for i, answer in enumerate(self._answers(frames)):
            if answer is not None:
                energies[i], forces[frames.atoms(i)] = answer.energy, answer.forces
        return Prediction(energies, forces, np.zeros(len(frames)), np.zeros(len(frames.numbers)))

    def _answers(self, frames: Frames) -> list[XtbAnswer | None]:
        ask = partial(_answer, self._method, frames)
        if self._threads == 1 or len(frames) < 2:
            return [ask(i) for i in range(len(frames))]
        return list(_threads(self._threads).map(ask, range(len(frames))))


@cache
def _threads(number: int) -> ThreadPoolExecutor:
    """Kept, for each thread keeps its calculators."""
    return ThreadPoolExecutor(number, thread_name_prefix="xtb")


def _answer(method: str, frames: Frames, i: int) -> XtbAnswer | None:
    """Of structure i, by the calling thread's own calculators."""
    mine: dict[str, Xtb] = _mine.__dict__
    rows = frames.atoms(i)
    if method not in mine:
        mine[method] = Xtb(method)
    try:
        return mine[method].single_point(
            frames.numbers[rows].tolist(),
            frames.positions[rows],
            charge=int(frames.charge[i]),
            multiplicity=int(frames.multiplicity[i]),
            cell=None if frames.cell is None else frames.cell[i],
            pbc=(False, False, False) if frames.pbc is None else frames.pbc[i].tolist(),
        )
    except NotConverged:
        return None
