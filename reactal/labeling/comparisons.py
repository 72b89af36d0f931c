"""Labels from orbitals of geometries nearby that are still to be compared with a fresh guess.

A label is answered before it is compared. What was answered since then may have begun from its orbitals, so none of that is
handed out before the comparison has passed; where it fails, the lower state's label takes its place, and all others are compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, final

from reactal.chem import Label, LabelFailure

__all__ = ["Comparisons", "Finished"]

GIVEN = "read"  # Psi4's word for a guess that it is given


class Finished(NamedTuple):
    """What came of one structure of a batch; `owes`: it is to be compared. `threads` of its slot, where slots differ."""

    key: str
    answer: Label | LabelFailure
    reused: bool
    owes: bool = False
    threads: int | None = None


@final
class Comparisons:
    """Of one batch. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._held: dict[str, Finished] = {}  # in the order in which they were answered
        self._due: deque[str] = deque()
        self._outstanding: set[str] = set()  # due, or under way
        self._compared: set[str] = set()

    def __len__(self) -> int:
        """How many are due."""
        return len(self._due)

    @property
    def outstanding(self) -> int:
        return len(self._outstanding)

    def answered(self, finished: Finished) -> Iterator[Finished]:
        """One more; what can be handed out now."""
        if finished.owes:
            self._owe(finished.key)
        elif not (self._outstanding and _continued(finished.answer)):
            yield finished
            return
        self._held[finished.key] = finished

    def next(self) -> Finished:
        """What to compare now; `IndexError` where nothing is due."""
        return self._held[self._due.popleft()]

    def passed(self, key: str) -> Iterator[Finished]:
        """Its state is the lowest that was found; what can be handed out now."""
        self._outstanding.discard(key)
        self._compared.add(key)
        while self._held and (first := next(iter(self._held))) not in self._outstanding:
            yield self._held.pop(first)

    def failed(self, key: str, lower: Label) -> Iterator[Finished]:
        """There is a lower state, whose label this is; what can be handed out now."""
        self._held[key] = self._held[key]._replace(answer=lower)
        keys = list(self._held)
        for later in keys[keys.index(key) + 1 :]:
            if later not in self._compared and later not in self._outstanding:
                self._owe(later)
        return self.passed(key)

    def _owe(self, key: str) -> None:
        self._due.append(key)
        self._outstanding.add(key)


def _continued(answer: Label | LabelFailure) -> bool:
    """Whether it began from orbitals nearby and was not compared on the spot."""
    return isinstance(answer, Label) and bool(answer.attempts) and dict(answer.attempts[-1].settings).get("guess") == GIVEN
