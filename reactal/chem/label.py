"""What a calculation gave: a label, or the reasons why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import NonFinite

__all__ = ["Attempt", "FailureKind", "Label", "LabelFailure"]

Floats = NDArray[np.float64]


class FailureKind(StrEnum):
    """Why a label could not be had."""

    SCF_NOT_CONVERGED = "scf_not_converged"
    WRONG_STATE = "wrong_state"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    SCRATCH_FULL = "scratch_full"
    INVALID_INPUT = "invalid_input"
    CRASHED = "crashed"
    UNREADABLE_OUTPUT = "unreadable_output"


@final
@dataclass(frozen=True)
class Attempt:
    """One try: the settings that were changed for it, what became of it, the end of its log, the most memory that its program
    had resident meanwhile; None where that is not known."""

    settings: tuple[tuple[str, str], ...] = ()
    outcome: str = "ok"
    seconds: float = 0.0
    log_tail: str = ""
    memory_mib: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "settings": dict(self.settings),
            "outcome": self.outcome,
            "seconds": self.seconds,
            "log_tail": self.log_tail,
            **({} if self.memory_mib is None else {"memory_mib": self.memory_mib}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Attempt:
        settings = tuple(data["settings"].items())
        return cls(settings, data["outcome"], data["seconds"], data["log_tail"], data.get("memory_mib"))


def _array(value: Any) -> Floats | None:
    return None if value is None else np.asarray(value, dtype=np.float64)


def _listed(value: Floats | None) -> Any:
    return None if value is None else value.tolist()


@final
@dataclass(frozen=True, eq=False)
class Label:
    """Energy (eV) and forces (N, 3) (eV/angstrom) of one structure at one theory, with their provenance.

    `flags` are words for what is doubtful about it, such as `spin_contaminated`; most labels have none.
    dipole (3,) in e*angstrom, stress (3, 3) in eV/angstrom^3, hessian (3N, 3N) in eV/angstrom^2, where computed.
    """

    structure_key: str
    theory: str
    energy: float
    forces: Floats
    dipole: Floats | None = None
    stress: Floats | None = None
    hessian: Floats | None = None
    s_squared: float | None = None
    wall_seconds: float = 0.0
    scf_iterations: int | None = None
    program_version: str = ""
    host: str = ""
    attempts: tuple[Attempt, ...] = field(default=())
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        forces = np.array(self.forces, dtype=np.float64)
        if not (np.isfinite(self.energy) and np.isfinite(forces).all()):
            raise NonFinite(f"the label of structure {self.structure_key[:12]} has numbers that are not finite")
        forces.setflags(write=False)
        object.__setattr__(self, "forces", forces)

    def as_json(self) -> dict[str, Any]:
        return {
            "structure_key": self.structure_key,
            "theory": self.theory,
            "energy": self.energy,
            "forces": self.forces.tolist(),
            "dipole": _listed(self.dipole),
            "stress": _listed(self.stress),
            "hessian": _listed(self.hessian),
            "s_squared": self.s_squared,
            "wall_seconds": self.wall_seconds,
            "scf_iterations": self.scf_iterations,
            "program_version": self.program_version,
            "host": self.host,
            "attempts": [attempt.as_json() for attempt in self.attempts],
            **({"flags": list(self.flags)} if self.flags else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Label:
        return cls(
            structure_key=data["structure_key"],
            theory=data["theory"],
            energy=float(data["energy"]),
            forces=np.asarray(data["forces"], dtype=np.float64),
            dipole=_array(data.get("dipole")),
            stress=_array(data.get("stress")),
            hessian=_array(data.get("hessian")),
            s_squared=data.get("s_squared"),
            wall_seconds=data["wall_seconds"],
            scf_iterations=data.get("scf_iterations"),
            program_version=data["program_version"],
            host=data["host"],
            attempts=tuple(Attempt.from_json(a) for a in data["attempts"]),
            flags=tuple(data.get("flags", ())),
        )


@final
@dataclass(frozen=True)
class LabelFailure:
    """No label: what kind of failure, in one sentence, and every attempt that was made."""

    structure_key: str
    theory: str
    kind: FailureKind
    message: str
    attempts: tuple[Attempt, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "structure_key": self.structure_key,
            "theory": self.theory,
            "kind": str(self.kind),
            "message": self.message,
            "attempts": [attempt.as_json() for attempt in self.attempts],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LabelFailure:
        return cls(
            data["structure_key"],
            data["theory"],
            FailureKind(data["kind"]),
            data["message"],
            tuple(Attempt.from_json(a) for a in data["attempts"]),
        )
