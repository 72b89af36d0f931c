"""What one slot does with one structure: look up, else compute and write, then answer."""

from __future__ import annotations

from typing import final

from reactal.chem import Label, LabelFailure, Structure, Theory
from reactal.labeling.base import Impatient, Labeler, LabelingResources
from reactal.labeling.programs import make_labeler
from reactal.store.labels import LabelStore

__all__ = ["Slot"]


@final
class Slot:
    """One thread's labelers, one for each theory it has met, and the store they write to."""

    def __init__(self, labels: LabelStore, resources: LabelingResources) -> None:
        self._labels = labels
        self._resources = resources
        self._labelers: dict[Theory, Labeler] = {}

    def answer(
        self, structure: Structure, theory: Theory, *, patience_s: float | None = None
    ) -> tuple[Label | LabelFailure, bool]:
        """The label or failure, durably in the store, and whether it was there before. A stored failure is tried again.

        `patience_s` is for labelers that are `Impatient`.
        """
        stored = self._labels.get(theory.fingerprint, structure.key)
        if isinstance(stored, Label):
            return stored, True
        labeler = self._labeler(theory)
        if isinstance(labeler, Impatient):
            labeler.expect(patience_s)
        computed = labeler.compute(structure)
        if self._labels.put(computed, structure):
            return computed, False
        first = self._labels.get(theory.fingerprint, structure.key)  # another worker was faster: everybody gets the same
        return (first or computed), False

    def _labeler(self, theory: Theory) -> Labeler:
        labeler = self._labelers.get(theory)
        if labeler is None:
            labeler = self._labelers[theory] = make_labeler(theory, self._resources)
        return labeler

    def close(self) -> None:
        """End its programs, from any thread; a later answer starts new ones."""
        labelers, self._labelers = self._labelers, {}
        for labeler in labelers.values():
            labeler.close()
