"""A batch of structures as jobs: what the store has is answered at once, the rest computed once for each key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from reactal.chem import Label, LabelFailure, Structure, Theory
from reactal.labeling.base import LabelOutcome
from reactal.store.labels import LabelStore

__all__ = ["Batch"]


@final
@dataclass(frozen=True)
class Batch:
    """`indices` has the places in the batch of each structure key."""

    structures: Sequence[Structure]
    indices: dict[str, list[int]]

    @classmethod
    def of(cls, structures: Sequence[Structure]) -> Batch:
        indices: dict[str, list[int]] = {}
        for index, structure in enumerate(structures):
            indices.setdefault(structure.key, []).append(index)
        return cls(structures, indices)

    def stored(self, labels: LabelStore, theory: Theory) -> dict[str, Label]:
        """What the store has, by key. Failures are left out: they are tried again."""
        found = labels.get_many(theory.fingerprint, self.indices)
        return {key: answer for key, answer in found.items() if isinstance(answer, Label)}

    def structure(self, key: str) -> Structure:
        return self.structures[self.indices[key][0]]

    def outcomes(
        self, key: str, answer: Label | LabelFailure, *, reused: bool, threads: int | None = None
    ) -> Iterator[LabelOutcome]:
        """One for each place; only the first place of a structure that was computed has cost anything."""
        for place, index in enumerate(self.indices[key]):
            yield LabelOutcome(index, answer, reused or place > 0, threads)
