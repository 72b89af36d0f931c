"""Labels in another electronic state than their neighbours: the energy between two geometries nearby is not what both gradients
say, or the spin jumps. The higher of the two is suspected, or where the energies fit the one whose spin is less like those around
it; computed again from the other's orbitals, it is found out or stands.

A true crossing of states looks the same from one side, so nothing is decided here without a calculation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Label, Structure
from reactal.labeling.base import Labeler
from reactal.labeling.psi4_worker.neighbours import CUBIC, NEARBY, SAME, SPIN_JUMP, UNEXPLAINED
from reactal.store.labels import LabelEntry
from reactal.units import BOHR, HARTREE

__all__ = ["Doubt", "Verdict", "doubts", "tried_again"]

Floats = NDArray[np.float64]
Kind = tuple[tuple[int, ...], int, int]


@final
@dataclass(frozen=True)
class Doubt:
    """A label and the neighbour, at `distance` (angstrom, root mean square over the atoms), that speaks against its state.

    `unexplained` is how much higher its energy is than the two gradients say, in eV; `jump` how far apart their <S^2> are."""

    entry: LabelEntry
    neighbour: LabelEntry
    distance: float
    unexplained: float
    jump: float = 0.0

    @property
    def key(self) -> str:
        return self.entry.structure.key

    def __str__(self) -> str:
        spin = f", <S^2> {self.jump:.2f} apart" if self.jump > SPIN_JUMP else ""
        return (
            f"{self.unexplained:.3f} eV higher than its neighbour {self.neighbour.structure.key[:12]} explains, "
            f"{self.distance:.3f} Å away{spin}"
        )


@final
@dataclass(frozen=True)
class Verdict:
    """What another calculation said of a doubt: the label of a lower state, or None where there is none to be found."""

    doubt: Doubt
    lower: Label | None
    gained: float  # eV


def doubts(entries: Sequence[LabelEntry], *, within: float = NEARBY) -> list[Doubt]:
    """One for each suspected label, with its nearest witness; the labels of one theory, failures left out."""
    found: dict[str, Doubt] = {}
    for same in _by_kind(entries).values():
        pairs = list(_neighbours(same, within))
        usual = _usual_spins(pairs)
        for one, other, distance in pairs:
            doubt = _doubt(one, other, distance, usual)
            if doubt is not None and (doubt.key not in found or distance < found[doubt.key].distance):
                found[doubt.key] = doubt
    return sorted(found.values(), key=lambda doubt: -doubt.unexplained)


def tried_again(found: Sequence[Doubt], labeler: Labeler) -> Iterator[Verdict]:
    """Each suspect from the orbitals of its neighbour, by a labeler that reuses guesses; of two states the lower counts."""
    for doubt in found:
        labeler.compute(doubt.neighbour.structure)
        again = labeler.compute(doubt.entry.structure)
        gained = _label(doubt.entry).energy - again.energy if isinstance(again, Label) else 0.0
        lower = again if isinstance(again, Label) and gained > SAME * HARTREE else None
        yield Verdict(doubt, lower, gained)


def _by_kind(entries: Sequence[LabelEntry]) -> Mapping[Kind, list[LabelEntry]]:
    kinds: dict[Kind, list[LabelEntry]] = defaultdict(list)
    for entry in entries:
        structure = entry.structure
        if isinstance(entry.outcome, Label) and structure.cell is None:
            kinds[tuple(structure.numbers), structure.charge, structure.multiplicity].append(entry)
    return kinds


def _neighbours(entries: Sequence[LabelEntry], within: float) -> Iterator[tuple[LabelEntry, LabelEntry, float]]:
    """Pairs that lie within, as they stand: orbitals do not turn with a molecule that has turned."""
    from scipy.spatial import cKDTree

    if len(entries) < 2:
        return
    rows = np.stack([entry.structure.positions.reshape(-1) for entry in entries])
    scale = np.sqrt(len(entries[0].structure))
    for i, j in sorted(cKDTree(rows).query_pairs(within * scale)):
        yield entries[i], entries[j], float(np.linalg.norm(rows[i] - rows[j]) / scale)


def _usual_spins(pairs: Sequence[tuple[LabelEntry, LabelEntry, float]]) -> Mapping[str, float]:
    """The median <S^2> of each label's neighbours."""
    spins: dict[str, list[float]] = defaultdict(list)
    for one, other, _ in pairs:
        spins[one.structure.key].append(_spin(other))
        spins[other.structure.key].append(_spin(one))
    return {key: float(np.median(some)) for key, some in spins.items()}


def _spin(entry: LabelEntry) -> float:
    return _label(entry).s_squared or 0.0


def _doubt(one: LabelEntry, other: LabelEntry, distance: float, usual_spins: Mapping[str, float]) -> Doubt | None:
    if _label(one).energy < _label(other).energy:
        one, other = other, one
    higher, lower = _label(one), _label(other)
    step = _step(other.structure, one.structure)
    explained = -0.5 * float(((higher.forces + lower.forces) * step).sum())
    unexplained = higher.energy - lower.energy - explained
    allowed = UNEXPLAINED * HARTREE + CUBIC * (HARTREE / BOHR**3) * float((step**2).sum()) ** 1.5
    jump = abs(_spin(one) - _spin(other))
    if unexplained > allowed:
        return Doubt(one, other, distance, unexplained, jump)
    if jump <= SPIN_JUMP:
        return None
    strange = [abs(_spin(entry) - usual_spins[entry.structure.key]) for entry in (one, other)]
    if strange[1] > strange[0]:
        return Doubt(other, one, distance, -unexplained, jump)
    return Doubt(one, other, distance, unexplained, jump)


def _step(before: Structure, after: Structure) -> Floats:
    return np.asarray(after.positions - before.positions)


def _label(entry: LabelEntry) -> Label:
    assert isinstance(entry.outcome, Label)
    return entry.outcome
