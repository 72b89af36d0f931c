"""Labels from a function of a structure: what every program that answers in this process has around it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Attempt, FailureKind, Label, LabelFailure, Structure, Theory
from reactal.errors import UnknownTheory
from reactal.labeling.base import Labeler
from reactal.labeling.execution_log import note_execution

__all__ = ["Computed", "NoLabel", "Surface", "SurfaceLabeler", "check_by_computing"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Computed:
    """energy eV, forces (N, 3) eV/angstrom; where the program has them dipole (3,) e*angstrom, stress (3, 3) eV/angstrom^3
    (the energy's derivative by the strain for each volume: positive where the cell wants to shrink), <S^2>, the number of
    SCF iterations, flags for the label, and settings that its attempt is to be shown with."""

    energy: float
    forces: Floats
    dipole: Floats | None = None
    stress: Floats | None = None
    s_squared: float | None = None
    scf_iterations: int | None = None
    flags: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


class NoLabel(Exception):
    """Why a surface has no energy for a structure: becomes the `LabelFailure`."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


Surface = Callable[[Structure], Computed]
"""Raises `NoLabel`, or anything else for a structure that it cannot take."""


@final
class SurfaceLabeler:
    """A `Labeler` around a surface. `version` stands in the labels; it begins with the program's name."""

    def __init__(self, theory: Theory, surface: Surface, *, version: str) -> None:
        self.theory = theory
        self._surface = surface
        self._version = version

    def compute(self, structure: Structure) -> Label | LabelFailure:
        began = time.monotonic()
        note_execution(structure.key)
        try:
            found = self._surface(structure)
        except NoLabel as reason:
            return self._failure(structure, reason.kind, str(reason), began)
        except MemoryError:
            return self._failure(structure, FailureKind.OUT_OF_MEMORY, "there was not enough memory", began)
        except Exception as error:  # a program raises whatever it likes for atoms it does not know
            return self._failure(structure, FailureKind.INVALID_INPUT, f"{type(error).__name__}: {error}", began)
        if not (np.isfinite(found.energy) and np.isfinite(found.forces).all()):
            return self._failure(structure, FailureKind.UNREADABLE_OUTPUT, "the energy or the forces are not finite", began)
        if found.forces.shape != structure.positions.shape:
            message = f"there are forces of shape {found.forces.shape} for {len(structure)} atoms"
            return self._failure(structure, FailureKind.UNREADABLE_OUTPUT, message, began)
        seconds = time.monotonic() - began
        return Label(
            structure_key=structure.key,
            theory=self.theory.fingerprint,
            energy=float(found.energy),
            forces=found.forces,
            dipole=found.dipole,
            stress=found.stress,
            s_squared=found.s_squared,
            wall_seconds=seconds,
            scf_iterations=found.scf_iterations,
            program_version=self._version,
            host=socket.gethostname(),
            attempts=(Attempt(settings=found.settings, seconds=seconds),),
            flags=found.flags,
        )

    def close(self) -> None:
        """Nothing runs."""

    def _failure(self, structure: Structure, kind: FailureKind, message: str, began: float) -> LabelFailure:
        attempt = Attempt(outcome=str(kind), seconds=time.monotonic() - began)
        return LabelFailure(structure.key, self.theory.fingerprint, kind, message, (attempt,))


def check_by_computing(labeler: Labeler, structure: Structure) -> None:
    """`UnknownTheory` if the labeler cannot take this structure. For programs whose answer costs next to nothing."""
    answer = labeler.compute(structure)
    if isinstance(answer, LabelFailure) and answer.kind is FailureKind.INVALID_INPUT:
        raise UnknownTheory(f"theory {labeler.theory.name} does not work for {structure.formula}: {answer.message}")
