"""Orbitals of finished labels, from which the guesses of others are learned: a few for each molecule, the most surprising ones.

`orbitals/<theory>/<molecule>/<surprise>-<sha256>`: immutable, named by their content, and worth nothing but time: any of them may
be removed at any moment, and one that is damaged is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import final

from reactal.store.fetching import fetch
from reactal.store.objects import ObjectStore

__all__ = ["OrbitalStore"]

KEPT = 256  # of one molecule at one theory
BYTES = 1 << 25  # of those, which may be fewer
DIGITS = 6  # of the surprise, which lies between 0 and 1


@final
class OrbitalStore:
    """Theories are given by their fingerprint, molecules by any name that says what orbitals must have in common."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def names(self, theory: str, molecule: str) -> list[str]:
        """The least surprising first."""
        return [path.rpartition("/")[2] for path in self._objects.list(f"orbitals/{theory}/{molecule}/")]

    def get(self, theory: str, molecule: str, names: Iterable[str]) -> dict[str, bytes]:
        """Those that are there and are as they were written."""
        wanted = list(names)
        found = zip(wanted, fetch(self._objects, (_path(theory, molecule, name) for name in wanted)), strict=True)
        return {name: data for name, data in found if data is not None and name.endswith(sha256(data).hexdigest())}

    def put(self, theory: str, molecule: str, data: bytes, *, surprise: float, known: list[str]) -> str | None:
        """Keep it; its name. Of `known`, the names that are there, the least surprising makes room; None where this one is."""
        name = f"{round(min(max(surprise, 0.0), 1.0) * 10**DIGITS):0{DIGITS + 1}}-{sha256(data).hexdigest()}"
        most = max(1, min(KEPT, BYTES // max(1, len(data))))
        ranked = sorted([*known, name])
        leaving = ranked[: max(0, len(ranked) - most)]
        if name in leaving:
            return None
        self._objects.put_if_absent(_path(theory, molecule, name), data)
        self.remove(theory, molecule, leaving)
        return name

    def remove(self, theory: str, molecule: str, names: Iterable[str]) -> None:
        """Silent where they are gone."""
        for name in names:
            self._objects.delete(_path(theory, molecule, name))


def _path(theory: str, molecule: str, name: str) -> str:
    return f"orbitals/{theory}/{molecule}/{name}"
