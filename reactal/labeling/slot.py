"""What one slot does with one structure: look up, else compute and write, then answer."""

from __future__ import annotations

import threading
from typing import NamedTuple, final

from reactal.chem import Label, LabelFailure, Structure, Theory
from reactal.errors import StoreError
from reactal.labeling.base import Continuing, Foreseeing, Impatient, Labeler, LabelingResources
from reactal.labeling.orbital_shelf import Learning
from reactal.labeling.programs import make_labeler
from reactal.labeling.unsent import Unsent
from reactal.store.labels import LabelStore

__all__ = ["Answered", "Foresight", "Slot"]

WRONG_STATE = "wrong_state: a fresh guess led to a state {:.4f} eV lower than orbitals of a geometry nearby"
FIRST_LOOK_S, LAST_LOOK_S = 0.05, 2.0  # between looks whether another slot is done with the same label


class Answered(NamedTuple):
    """The label or failure, whether the store had it before, and whether it should be compared with a fresh guess."""

    answer: Label | LabelFailure
    reused: bool
    owes: bool = False


class Foresight(NamedTuple):
    """What is known of a label beforehand: seconds after which its program may be taken for hung, and MiB that it should have."""

    patience_s: float | None = None
    room_mib: float | None = None


NOTHING = Foresight()


@final
class Slot:
    """One thread's labelers, one for each theory it has met, and the store they write to."""

    def __init__(self, labels: LabelStore, resources: LabelingResources) -> None:
        self._labels = labels
        self._resources = resources
        self._labelers: dict[Theory, Labeler] = {}
        self._claims = labels.claims()
        self._unsent = Unsent(labels)
        self._closed = threading.Event()

    def answer(self, structure: Structure, theory: Theory, *, foresight: Foresight = NOTHING) -> Answered:
        """The label or failure, durably in the store. A stored failure is tried again.

        `foresight` is for labelers that can use it. What another slot is computing, of whatever campaign, is waited for.
        """
        self._closed.clear()
        while (answered := self._answer(structure, theory, foresight)) is None:
            self._wait(structure, theory)
        return answered

    def answer_now(self, structure: Structure, theory: Theory, *, foresight: Foresight = NOTHING) -> Answered | None:
        """As `answer`; None at once where another slot is computing it."""
        self._closed.clear()
        return self._answer(structure, theory, foresight)

    def compare(self, structure: Structure, theory: Theory, label: Label) -> Label | None:
        """Compute it from a fresh guess. Where that leads to a lower state, its label, which has taken the place of the other in
        the store; else None."""
        self._closed.clear()
        labeler = self._labeler(theory)
        if not isinstance(labeler, Continuing):
            return None
        lower = labeler.compare(structure, label)
        if lower is not None:
            self._labels.supersede(lower, structure, WRONG_STATE.format(label.energy - lower.energy))
        return lower

    def forget(self) -> None:
        """Begin the next label without any orbitals from before; from any thread."""
        for labeler in list(self._labelers.values()):
            if isinstance(labeler, Continuing):
                labeler.forget()

    def _answer(self, structure: Structure, theory: Theory, foresight: Foresight) -> Answered | None:
        self._unsent.deliver()
        if (stored := self._stored(structure, theory)) is not None:
            return Answered(stored, reused=True)
        labeler = self._labeler(theory)
        if isinstance(labeler, Foreseeing):
            labeler.foresee(foresight.room_mib)
        if not isinstance(labeler, Impatient):  # answers sooner than one could ask who else is at it
            return self._computed(labeler, structure, theory)
        with self._claims.held(theory.fingerprint, structure.key) as mine:
            if (stored := self._stored(structure, theory)) is not None:
                return Answered(stored, reused=True)
            if mine or self._closed.is_set():
                labeler.expect(foresight.patience_s)
                return self._computed(labeler, structure, theory)
        return None

    def _stored(self, structure: Structure, theory: Theory) -> Label | None:
        found = self._labels.get(theory.fingerprint, structure.key)
        return found if isinstance(found, Label) else None

    def _wait(self, structure: Structure, theory: Theory) -> None:
        """Until the other slot has let go of it."""
        pause = FIRST_LOOK_S
        while self._claims.is_taken(theory.fingerprint, structure.key) and not self._closed.wait(pause):
            pause = min(1.5 * pause, LAST_LOOK_S)

    def _computed(self, labeler: Labeler, structure: Structure, theory: Theory) -> Answered:
        computed = labeler.compute(structure)
        try:
            if self._labels.put(computed, structure):
                owes = isinstance(labeler, Continuing) and isinstance(computed, Label) and labeler.owes
                return Answered(computed, reused=False, owes=owes)
        except StoreError as error:
            if isinstance(computed, Label):
                raise self._unsent.keep(computed, structure, error) from error
            raise
        first = self._labels.get(theory.fingerprint, structure.key)  # another worker was faster: everybody gets the same
        return Answered(first or computed, reused=False)

    def _labeler(self, theory: Theory) -> Labeler:
        labeler = self._labelers.get(theory)
        if labeler is None:
            labeler = self._labelers[theory] = make_labeler(theory, self._resources)
            if isinstance(labeler, Learning):
                labeler.learn_from(self._labels.orbitals())
        return labeler

    def close(self) -> None:
        """End its programs, from any thread; a later answer starts new ones."""
        self._closed.set()
        labelers, self._labelers = self._labelers, {}
        for labeler in labelers.values():
            labeler.close()
