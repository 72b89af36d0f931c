"""What computes labels, seen from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, final, runtime_checkable

from reactal.chem import Label, LabelFailure, Structure, Theory
from reactal.labeling.ladder import LADDER

__all__ = [
    "Continuing",
    "Foreseeing",
    "Impatient",
    "LabelOutcome",
    "LabelPool",
    "Labeler",
    "LabelingResources",
    "SizeRule",
    "SlotKind",
]

ROOM_MIB = 1000  # of a program that nothing is known of; more in doublings, so that labels of one kind meet the same program

Reuse = bool | Literal["learned"]  # of orbitals nearby as the guess; learned: of all finished labels of a molecule


class Labeler(Protocol):
    """One slot: computes one label at a time with one running program. Not shared between threads."""

    theory: Theory

    def compute(self, structure: Structure) -> Label | LabelFailure:
        """Energy (eV) and forces (eV/angstrom) at `theory`. A calculation that fails is a value; raises `LabelerUnavailable`
        only where the program cannot be started at all."""

    def close(self) -> None:
        """End the program and remove its scratch; may be called twice."""


@runtime_checkable
class Impatient(Protocol):
    """A `Labeler` whose program may hang."""

    def expect(self, patience_s: float | None) -> None:
        """Give up the first attempt at the next label after so many seconds and do not count it; later attempts, and with None
        every one, have the time of the resources: a wrong guess costs time and never a label."""


@runtime_checkable
class Foreseeing(Protocol):
    """A `Labeler` whose program's memory follows from what labels of its kind have needed, where `memory_mib` is 0."""

    def foresee(self, room_mib: float | None) -> None:
        """What the next label should be given; None where nobody can say. What proves too little is doubled: a wrong guess costs
        an attempt and never a label."""


@runtime_checkable
class Continuing(Protocol):
    """A `Labeler` that may begin from orbitals of geometries nearby, which may lead to another state than the lowest."""

    @property
    def owes(self) -> bool:
        """Whether the latest label is one of the sample that should be compared with a fresh guess."""

    def compare(self, structure: Structure, label: Label) -> Label | None:
        """Compute it again from a fresh guess: the label of the lower state if that is another; else None."""

    def forget(self) -> None:
        """Begin the next label without any orbitals from before; from any thread."""


@final
@dataclass(frozen=True)
class SlotKind:
    """So many slots side by side, each with so many threads and so much memory."""

    slots: int
    threads: int
    memory_mib: int


@final
@dataclass(frozen=True)
class SizeRule:
    """What the program of a structure with so many atoms or more gets."""

    atoms_from: int
    threads: int
    memory_mib: int


@final
@dataclass(frozen=True)
class LabelingResources:
    """What a label may use. Never part of a fingerprint, may change between restarts."""

    slots: int = 0  # programs side by side; 0: one for each core
    threads: int = 1  # of each program
    memory_mib: int = ROOM_MIB  # of each program; 0: what labels of its kind have needed, with a margin
    classes: tuple[SlotKind, ...] = ()  # instead of slots, threads and memory_mib: slots that are not all alike
    by_size: tuple[SizeRule, ...] = ()  # exceptions from the two above; of those that apply the largest counts
    timeout_seconds: float = 600.0  # for one label
    attempts: int = 2  # for a label whose program crashed or hung
    ladder: tuple[str, ...] = tuple(LADDER)  # what is tried in turn while an SCF does not converge
    reuse_guess: Reuse = False  # begin with orbitals of a geometry nearby: the same to 1e-7 hartree, not to the last bit
    labels_per_process: int = 200  # before a program is renewed, whose memory grows and whose scratch handling wears out
    growth_mib: int = 500  # of its resident memory since it started, before it is renewed
    psi4: str | None = None  # the psi4 command or the interpreter that can import it; None: look for it
    scratch: str | None = None  # None: the system's temporary folder

    def for_atoms(self, count: int) -> LabelingResources:
        """With the threads and memory of a structure of so many atoms."""
        rules = [rule for rule in self.by_size if rule.atoms_from <= count]
        if not rules:
            return self
        rule = max(rules, key=lambda rule: rule.atoms_from)
        return replace(self, threads=rule.threads, memory_mib=rule.memory_mib)

    @property
    def kinds(self) -> tuple[SlotKind, ...]:
        """Of slots, the one of least memory first; a single one where all are alike."""
        alike = (SlotKind(self.slots, self.threads, self.memory_mib),)
        return tuple(sorted(self.classes, key=lambda kind: (kind.memory_mib, kind.threads))) or alike

    def of_kind(self, kind: SlotKind) -> LabelingResources:
        """What a slot of this kind has."""
        return replace(self, classes=(), slots=1, threads=kind.threads, memory_mib=kind.memory_mib) if self.classes else self

    def with_room(self, room_mib: float | None) -> LabelingResources:
        """With a number for the memory, where it is to follow from what is needed."""
        if self.memory_mib:
            return self
        given = ROOM_MIB
        while room_mib is not None and given < room_mib:
            given *= 2
        return replace(self, memory_mib=given)


@final
@dataclass(frozen=True)
class LabelOutcome:
    """The answer for the structure at `index` of the batch; `reused` when it came from the store.

    `threads` of the slot that computed it, where slots are not all alike."""

    index: int
    answer: Label | LabelFailure
    reused: bool
    threads: int | None = None


class LabelPool(Protocol):
    """Labels for many structures, each looked up in the store first and written to it before it is returned."""

    def label(self, structures: Sequence[Structure], *, theory: Theory | None = None) -> Iterator[LabelOutcome]:
        """One outcome for each structure, as they are finished. `theory` None: the pool's own. A worker that dies has its
        structures done again by another; a stored failure is tried again."""

    def close(self) -> None:
        """Give the slots back; may be called twice."""
