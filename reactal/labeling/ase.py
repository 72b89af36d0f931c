"""Labels from ASE's calculators and from a model surface: exact, immediate, in this process. For tests and first steps."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Attempt, FailureKind, Label, LabelFailure, Structure, Theory
from reactal.chem.convert import to_ase
from reactal.errors import ConfigError, UnknownTheory
from reactal.labeling.execution_log import note_execution
from reactal.labeling.leps import leps

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

__all__ = ["AseLabeler", "check_ase_theory"]

Floats = NDArray[np.float64]
Surface = Callable[[Structure], tuple[float, Floats]]

NUMBERS = {
    "emt": frozenset[str](),
    "leps": frozenset[str](),
    "lj": frozenset({"sigma", "epsilon", "rc"}),
    "morse": frozenset({"r0", "epsilon", "rho0"}),
}
"""The methods, each with its keywords: numbers, in angstrom and eV."""
BASIS = "none"


@final
class AseLabeler:
    """A `Labeler` for theories of program `ase`, such as `emt/none` or `leps/none`."""

    def __init__(self, theory: Theory) -> None:
        _check_names(theory)
        self.theory = theory
        self._surface = _leps if theory.method == "leps" else _from_calculator(_calculator(theory))

    def compute(self, structure: Structure) -> Label | LabelFailure:
        from ase import __version__

        began = time.monotonic()
        note_execution(structure.key)
        try:
            energy, forces = self._surface(structure)
        except Exception as error:  # a calculator raises whatever it likes for atoms it does not know
            return self._failure(structure, FailureKind.INVALID_INPUT, f"{type(error).__name__}: {error}")
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            return self._failure(structure, FailureKind.UNREADABLE_OUTPUT, "the energy or the forces are not finite")
        seconds = time.monotonic() - began
        return Label(
            structure_key=structure.key,
            theory=self.theory.fingerprint,
            energy=float(energy),
            forces=forces,
            wall_seconds=seconds,
            program_version=f"ase {__version__}",
            host=socket.gethostname(),
            attempts=(Attempt(seconds=seconds),),
        )

    def close(self) -> None:
        """Nothing runs."""

    def _failure(self, structure: Structure, kind: FailureKind, message: str) -> LabelFailure:
        return LabelFailure(structure.key, self.theory.fingerprint, kind, message, (Attempt(outcome=str(kind)),))


def check_ase_theory(theory: Theory, structure: Structure) -> None:
    """Raises `UnknownTheory` if the method does not exist or not for these elements."""
    answer = AseLabeler(theory).compute(structure)
    if isinstance(answer, LabelFailure):
        raise UnknownTheory(f"theory {theory.name} does not work for {structure.formula}: {answer.message}")


def _check_names(theory: Theory) -> None:
    if theory.program != "ase":
        raise ConfigError(f"theory {theory.name} is of program {theory.program!r}, not of ase")
    if theory.method not in NUMBERS or theory.basis != BASIS:
        known = ", ".join(f"{method}/{BASIS}" for method in NUMBERS)
        raise UnknownTheory(f"theory {theory.name} is unknown to program ase; known are {known}")
    for name, value in theory.keywords:
        if name not in NUMBERS[theory.method] or isinstance(value, bool | str):
            known = ", ".join(sorted(NUMBERS[theory.method])) or "none"
            raise ConfigError(f"keyword {name} = {value!r} does not fit theory {theory.name}; its keywords are numbers: {known}")


def _calculator(theory: Theory) -> Calculator:
    from ase.calculators.emt import EMT
    from ase.calculators.lj import LennardJones
    from ase.calculators.morse import MorsePotential

    keywords = {name: float(value) for name, value in theory.keywords}
    if theory.method == "emt":
        return EMT()
    if theory.method == "lj":
        return LennardJones(**{"rc": 10.0, "smooth": True, **keywords})
    return MorsePotential(**keywords)


def _from_calculator(calculator: Calculator) -> Surface:
    def surface(structure: Structure) -> tuple[float, Floats]:
        atoms = to_ase(structure)
        atoms.calc = calculator
        return float(atoms.get_potential_energy()), atoms.get_forces()

    return surface


def _leps(structure: Structure) -> tuple[float, Floats]:
    if structure.numbers != (1, 1, 1) or structure.cell is not None:
        raise ValueError(f"the LEPS surface is of three hydrogen atoms, not of {structure.formula}")
    return leps(structure.positions)
