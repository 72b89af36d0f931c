"""What passes between a Psi4 program that learns guesses and the store: orbitals that others left, and its own for them.

It saves time and nothing else, so a store that does not answer costs a guess and never a label.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from hashlib import sha256
from typing import Any, Protocol, final, runtime_checkable

from reactal.chem import Structure, Theory
from reactal.errors import StoreError
from reactal.store.memory import MemoryStore
from reactal.store.orbitals import OrbitalStore

__all__ = ["Learning", "OrbitalShelf"]

LOOK = 16  # labels of a molecule between looks at what others left


@runtime_checkable
class Learning(Protocol):
    """A `Labeler` whose guesses are learned from finished labels."""

    def learn_from(self, orbitals: OrbitalStore) -> None:
        """Take what others left there, and leave it what they can learn; before the first label."""


@final
class OrbitalShelf:
    """Of one slot. Without a store what is learned ends with it, and outlives only its programs."""

    def __init__(self, theory: Theory, orbitals: OrbitalStore | None = None) -> None:
        self._theory = theory.fingerprint
        self._orbitals = orbitals or OrbitalStore(MemoryStore())
        self._program: object = None
        self._heard: set[str] = set()  # names that this program has been told, or has told
        self._names: dict[str, list[str]] = {}  # what was there at the last look
        self._asked: dict[str, int] = {}
        self._unproven: list[tuple[str, str]] = []  # molecule and name of what was left since the last comparison

    def news(self, structure: Structure, *, program: object, version: str) -> list[str]:
        """What this program should be told before the structure's label: records in base 64."""
        if program is not self._program:
            self._program, self._asked = program, {}
            self._heard.clear()
        molecule = _molecule(structure, version)
        self._asked[molecule] = asked = self._asked.get(molecule, -1) + 1
        if asked % LOOK:
            return []
        with suppress(StoreError):
            self._names[molecule] = self._orbitals.names(self._theory, molecule)
            found = self._orbitals.get(self._theory, molecule, [n for n in self._names[molecule] if n not in self._heard])
            self._heard.update(self._names[molecule])
            return [base64.b64encode(data).decode("ascii") for data in found.values()]
        return []

    def keep(self, structure: Structure, told: Any, *, version: str) -> None:
        """What the program says of the label that it has finished: a record and its surprise, or nothing."""
        if not told:
            return
        if told["misled"]:
            self.distrust()
        if told["record"] is None:
            return
        data, surprise = base64.b64decode(told["record"], validate=True), float(told["surprise"])
        molecule = _molecule(structure, version)
        known = self._names.setdefault(molecule, [])
        with suppress(StoreError):
            name = self._orbitals.put(self._theory, molecule, data, surprise=surprise, known=known)
            if name is not None:
                self._heard.add(name)
                known.append(name)
                self._unproven.append((molecule, name))

    def trust(self) -> None:
        """A fresh guess led to the state that the learned one had led to."""
        self._unproven.clear()

    def distrust(self) -> None:
        """It led to a lower one: what was left since the last comparison may be of the wrong state."""
        for molecule, name in self._unproven:
            with suppress(StoreError, ValueError):
                self._orbitals.remove(self._theory, molecule, [name])
                self._names[molecule].remove(name)
        self._unproven.clear()


def _molecule(structure: Structure, version: str) -> str:
    """Of everything but the theory that orbitals must have in common."""
    shared = [sorted(structure.symbols), structure.charge, structure.multiplicity, version]
    return sha256(json.dumps(shared).encode()).hexdigest()[:24]
