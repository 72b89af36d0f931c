"""Labels from Psi4."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from typing import Any, final

import numpy as np

from reactal.chem import Attempt, FailureKind, Label, LabelFailure, Structure, Theory
from reactal.chem.structure import KEY_RESOLUTION
from reactal.errors import ConfigError, LabelerUnavailable, NonFinite, UnknownTheory
from reactal.labeling.base import LabelingResources, Reuse
from reactal.labeling.ladder import rungs
from reactal.labeling.orbital_shelf import OrbitalShelf
from reactal.labeling.psi4_failures import WorkerFailed, WorkerSilent, WorkerTooBig, WorkerUnreadable
from reactal.labeling.psi4_keywords import DEFAULTS, check_keywords
from reactal.labeling.psi4_memory import machine_mib
from reactal.labeling.psi4_process import Psi4Process
from reactal.labeling.psi4_worker.neighbours import SAME
from reactal.store.orbitals import OrbitalStore
from reactal.units import BOHR, HARTREE

__all__ = ["Psi4Labeler", "check_psi4_theory"]

CHECK_SECONDS = 120.0
MACHINE_SHARE = 0.8  # of its memory, which no program is given more than where no number is typed in
SPIN_EXCESS = 0.1
"""Of <S^2> above S(S+1), in units of S(S+1) and of 1 at least: more is called spin-contaminated (Young, Computational
Chemistry, 2001, section 27.2, allows 10 %)."""
HEALTHY = (
    FailureKind.SCF_NOT_CONVERGED,
    FailureKind.WRONG_STATE,
    FailureKind.INVALID_INPUT,
)  # failures that leave Psi4 as it was


@final
class Psi4Labeler:
    """A `Labeler` with one Psi4 process, started for the first label and renewed when it has grown old or has died.

    `theory`'s keywords and the ladder's names are checked on construction (`ConfigError`). `close` may come from another thread.
    """

    def __init__(self, theory: Theory, resources: LabelingResources | None = None) -> None:
        if theory.program != "psi4":
            raise ConfigError(f"theory {theory.name} is of program {theory.program!r}, not of psi4")
        check_keywords(theory)
        self.theory = theory
        self._resources = resources or LabelingResources()
        self._ladder = rungs(theory, self._resources.ladder)
        self._process: Psi4Process | None = None
        self._closed = False
        self._patience_s: float | None = None
        self._room_mib: float | None = None
        self._owes = self._forgets = False
        self._shelf = OrbitalShelf(theory)

    @property
    def owes(self) -> bool:
        """As in `Continuing`."""
        return self._owes

    def learn_from(self, orbitals: OrbitalStore) -> None:
        """As in `Learning`."""
        self._shelf = OrbitalShelf(self.theory, orbitals)

    def expect(self, patience_s: float | None) -> None:
        """As in `Impatient`."""
        self._patience_s = patience_s

    def foresee(self, room_mib: float | None) -> None:
        """As in `Foreseeing`."""
        self._room_mib = room_mib

    def forget(self) -> None:
        """As in `Continuing`."""
        self._forgets = True

    def compare(self, structure: Structure, label: Label) -> Label | None:
        """As in `Continuing`."""
        again = self._computed(structure, reuse=False)
        if isinstance(again, LabelFailure) or again.energy >= label.energy - SAME * HARTREE:
            if isinstance(again, Label):
                self._shelf.trust()
            return None
        attempts = (*label.attempts, *again.attempts)
        return replace(again, attempts=attempts, wall_seconds=sum(attempt.seconds for attempt in attempts))

    def compute(self, structure: Structure) -> Label | LabelFailure:
        if structure.cell is not None:
            return self._failure(structure, FailureKind.INVALID_INPUT, "Psi4 has no periodic cells; label molecules", ())
        return self._computed(structure, reuse=self._resources.reuse_guess)

    def _computed(self, structure: Structure, *, reuse: Reuse) -> Label | LabelFailure:
        attempts: list[Attempt] = []
        room_mib = self._room_mib
        while True:
            found = self._with_room(structure, room_mib, attempts, reuse=reuse)
            if isinstance(found, Label) or found.kind is not FailureKind.OUT_OF_MEMORY:
                return found
            more = self._more_room_mib(structure, room_mib)
            if more is None:
                return found
            room_mib, attempts = more, list(found.attempts)

    def _with_room(
        self, structure: Structure, room_mib: float | None, earlier: list[Attempt], *, reuse: Reuse
    ) -> Label | LabelFailure:
        """Attempts with so much memory, added to the earlier ones, which had less."""
        attempts, failed_before = list(earlier), len(earlier)
        allowed = failed_before + self._resources.attempts
        while True:
            tried, timeout_s = time.monotonic(), self._timeout_s(first=not attempts)
            try:
                process = self._running(len(structure), room_mib)
                request = self._request(structure, process, reuse=reuse)
                return self._outcome(structure, process.ask(request, timeout_s=timeout_s), attempts)
            except WorkerFailed as error:
                self._discard()
                attempts.append(Attempt((), str(error.kind), time.monotonic() - tried, error.log))
                if self._closed:
                    raise LabelerUnavailable("the Psi4 labeler was closed in the middle of a label") from error
                allowed += isinstance(error, WorkerSilent) and timeout_s < self._resources.timeout_seconds
                if isinstance(error, WorkerTooBig) or len(attempts) >= allowed:
                    message = f"{error} ({len(attempts)} of {allowed} attempts)"
                    return self._failure(structure, error.kind, message, tuple(attempts))

    def _more_room_mib(self, structure: Structure, room_mib: float | None) -> float | None:
        """Twice as much as was too little; None where a number is typed in, or the machine has no more."""
        given = self._resources.for_atoms(len(structure))
        more = 2.0 * given.with_room(room_mib).memory_mib
        return more if given.memory_mib == 0 and more <= MACHINE_SHARE * machine_mib() else None

    def close(self) -> None:
        self._closed = True
        self._discard()

    def _timeout_s(self, *, first: bool) -> float:
        full = self._resources.timeout_seconds
        return min(full, self._patience_s) if first and self._patience_s is not None else full

    def _running(self, atoms: int, room_mib: float | None) -> Psi4Process:
        if self._closed:
            raise LabelerUnavailable("this Psi4 labeler is closed")
        wanted = self._resources.for_atoms(atoms).with_room(room_mib)
        process = self._process
        if process is not None and (process.resources != wanted or self._is_spent(process)):
            self._discard()
            process = None
        if process is None:
            process = self._process = Psi4Process(wanted)
        return process

    def _is_spent(self, process: Psi4Process) -> bool:
        full = process.answered >= self._resources.labels_per_process
        return full or process.grown_mib > self._resources.growth_mib or not process.is_running

    def _discard(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def _request(self, structure: Structure, process: Psi4Process, *, reuse: Reuse) -> dict[str, Any]:
        fixed = {name for name, _ in self.theory.keywords} & {"guess", "guess_mix", "basis_guess"}
        reuse = reuse if len(structure) > 1 and not fixed else False
        how: dict[str, Any] = {"ladder": self._ladder, "reuse_guess": reuse, "forget": self._forgets}
        if self._forgets:
            self._shelf.distrust()
        if reuse == "learned":
            how["orbitals"] = self._shelf.news(structure, program=process, version=process.version)
        self._forgets = False
        return {"task": "gradient"} | how | _described(self.theory, structure)

    def _outcome(self, structure: Structure, answer: dict[str, Any], earlier: list[Attempt]) -> Label | LabelFailure:
        """Raises `WorkerUnreadable` for an answer that does not have what an answer has."""
        try:
            attempts = (*earlier, *(Attempt.from_json(attempt) for attempt in answer["attempts"]))
            self._owes = bool(answer.get("owed"))
            if self._process is not None:
                self._shelf.keep(structure, answer.get("orbitals"), version=self._process.version)
            if answer["ok"]:
                return self._label(structure, answer["result"], attempts)
            kind, message = FailureKind(answer["kind"]), str(answer["message"])
        except (KeyError, TypeError, ValueError, AttributeError, NonFinite) as error:
            if self._process is not None:
                self._process.kill()
            raise WorkerUnreadable(json.dumps(answer).encode(), "") from error
        if kind not in HEALTHY:
            self._discard()  # it holds files open and buffers half filled
        return self._failure(structure, kind, message, attempts)

    def _label(self, structure: Structure, result: dict[str, Any], attempts: tuple[Attempt, ...]) -> Label:
        gradient = np.asarray(result["gradient"], dtype=np.float64)
        if gradient.shape != structure.positions.shape:
            raise ValueError(f"a gradient of shape {gradient.shape} for {len(structure)} atoms")
        return Label(
            structure_key=structure.key,
            theory=self.theory.fingerprint,
            energy=result["energy"] * HARTREE,
            forces=-gradient * (HARTREE / BOHR),
            dipole=None if result["dipole"] is None else np.asarray(result["dipole"]) * BOHR,
            s_squared=result["s_squared"],
            wall_seconds=sum(attempt.seconds for attempt in attempts),
            scf_iterations=result["scf_iterations"],
            program_version=f"psi4 {self._process.version if self._process else ''}",
            host=socket.gethostname(),
            attempts=attempts,
            flags=_spin_flags(result["s_squared"], structure.multiplicity),
        )

    def _failure(self, structure: Structure, kind: FailureKind, message: str, attempts: tuple[Attempt, ...]) -> LabelFailure:
        return LabelFailure(structure.key, self.theory.fingerprint, kind, message, attempts)


def _spin_flags(s_squared: float | None, multiplicity: int) -> tuple[str, ...]:
    spin = (multiplicity - 1) / 2
    pure = spin * (spin + 1)
    contaminated = s_squared is not None and s_squared - pure > SPIN_EXCESS * max(pure, 1.0)
    return ("spin_contaminated",) if contaminated else ()


def check_psi4_theory(theory: Theory, structure: Structure, resources: LabelingResources | None = None) -> None:
    """Ask Psi4 whether it has this method, and this basis for these elements; costs about a second, and no label.

    Raises `UnknownTheory` with the nearest name it has, or `ConfigError` for a keyword.
    """
    check_keywords(theory)
    process = Psi4Process((resources or LabelingResources()).with_room(None))
    try:
        answer = process.ask({"task": "check"} | _described(theory, structure), timeout_s=CHECK_SECONDS)
    except WorkerFailed as error:
        raise UnknownTheory(f"theory {theory.name} cannot be tried out: {error}") from error
    finally:
        process.close()
    if not answer["ok"]:
        raise UnknownTheory(f"theory {theory.name}: {answer['message']}")


def _described(theory: Theory, structure: Structure) -> dict[str, Any]:
    """What Psi4 needs to know. Positions are those of the key, so that one key has one label: relative to the centroid and
    rounded. Rounding also keeps nearly symmetric molecules out of reach of the tolerance of Psi4's symmetry search."""
    relative = structure.positions - structure.positions.mean(axis=0)
    return {
        "key": structure.key,
        "symbols": list(structure.symbols),
        "positions": (np.rint(relative / KEY_RESOLUTION) * KEY_RESOLUTION).tolist(),
        "charge": structure.charge,
        "multiplicity": structure.multiplicity,
        "method": theory.method,
        "basis": theory.basis,
        "keywords": {**DEFAULTS, **dict(theory.keywords)},
    }
