"""Errors of energies and forces against labels: overall and by whatever the structures or atoms are grouped by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.chem.elements import SYMBOLS
from reactal.potentials.base import Prediction
from reactal.validation.base import Cell, Column, Table

__all__ = ["Comparison", "Errors", "by_element", "by_group", "overall"]

Floats = NDArray[np.float64]
CHAPTER = "accuracy"
_HEADINGS = (
    Column("structures"),
    Column("energy MAE", "meV/atom"),
    Column("energy RMSE", "meV/atom", detail=True),
    Column("energy max", "meV/atom", detail=True),
    Column("force MAE", "meV/Å"),
    Column("force RMSE", "meV/Å", detail=True),
    Column("force max", "meV/Å"),
    Column("cosine", detail=True),
    Column("correlation"),
)


@final
@dataclass(frozen=True)
class Errors:
    """Energies in eV an atom, forces in eV/angstrom: mean absolute, root mean square and largest error, of force components (the
    largest: of an atom's vector). `cosine`: between the atoms' force vectors, weighted by the reference's length; `correlation`:
    Pearson's, of the components; NaN where there is nothing to compare."""

    structures: int
    energy_mae: float
    energy_rmse: float
    energy_max: float
    force_mae: float
    force_rmse: float
    force_max: float
    cosine: float
    correlation: float

    def cells(self) -> tuple[Cell, ...]:
        """For a table, in meV."""
        small = (self.energy_mae, self.energy_rmse, self.energy_max, self.force_mae, self.force_rmse, self.force_max)
        return (self.structures, *(_cell(1e3 * value) for value in small), _cell(self.cosine), _cell(self.correlation))


@final
@dataclass(frozen=True, eq=False)
class Comparison:
    """Labelled frames and what the model says of them. `energy_error` (n,) eV, model minus reference; with `relative`, less its
    mean over structures of the same atoms and charge: for models whose zero of energy is another one."""

    frames: Frames
    said: Prediction
    relative: bool = False

    @property
    def energy_error(self) -> Floats:
        error = np.asarray(self.said.energy - self.frames.energy, dtype=np.float64)
        if not self.relative:
            return error
        kinds = np.unique(np.asarray([_composition(self.frames, i) for i in range(len(self.frames))]), return_inverse=True)[1]
        # the median: one structure that the model gets all wrong must not shift the others
        return np.asarray(error - np.asarray([np.median(error[kinds == kind]) for kind in range(kinds.max() + 1)])[kinds])

    @property
    def force_error(self) -> Floats:
        """(A, 3) eV/angstrom."""
        return np.asarray(self.said.forces - self.frames.forces)

    @property
    def worst_atom(self) -> Floats:
        """The largest error of an atom's force in each structure (n,) eV/angstrom."""
        return self.frames.per_structure_max(np.linalg.norm(self.force_error, axis=1))

    def errors(self, structures: NDArray[np.bool_] | None = None, atoms: NDArray[np.bool_] | None = None) -> Errors:
        """Of some structures (n,), of some atoms (A,) in them; None: of all."""
        rows = np.ones(len(self.frames), dtype=bool) if structures is None else structures
        chosen = rows[self.frames.owner] if atoms is None else rows[self.frames.owner] & atoms
        energy = self.energy_error[rows] / self.frames.sizes[rows]
        reference, model = self.frames.forces[chosen], self.said.forces[chosen]
        wrong = model - reference
        return Errors(
            int(rows.sum()),
            *_sizes(energy, np.abs(energy)),
            *_sizes(wrong.reshape(-1), np.linalg.norm(wrong, axis=1)),
            _cosine(reference, model),
            _correlation(reference.reshape(-1), model.reshape(-1)),
        )


def overall(comparison: Comparison) -> Table:
    """One line."""
    note = "Energies less their median error for each composition: the model's zero of energy is its own." * comparison.relative
    row = ("all", *comparison.errors().cells())
    return Table("accuracy_overall", CHAPTER, "Energies and forces", (Column("structures of"), *_HEADINGS), (row,), note)


def by_element(comparison: Comparison) -> Table:
    """Forces on the atoms of each element."""
    columns = (Column("element"), Column("atoms"), *_HEADINGS[4:])
    rows: list[tuple[Cell, ...]] = []
    for number in np.unique(comparison.frames.numbers):
        atoms = comparison.frames.numbers == number
        rows.append((SYMBOLS[int(number)], int(atoms.sum()), *comparison.errors(atoms=atoms).cells()[4:]))
    return Table("accuracy_by_element", CHAPTER, "Forces by element", columns, tuple(rows))


def by_group(comparison: Comparison, groups: NDArray[np.str_], *, name: str, title: str, heading: str) -> Table:
    """A line for each word in groups (n,), in the order in which they first come."""
    rows = tuple((word, *comparison.errors(groups == word).cells()) for word in dict.fromkeys(groups.tolist()))
    return Table(name, CHAPTER, title, (Column(heading), *_HEADINGS), rows)


def _composition(frames: Frames, i: int) -> str:
    numbers = sorted(frames.numbers[frames.atoms(i)].tolist())
    return f"{numbers}{frames.charge[i]}{frames.multiplicity[i]}"


def _sizes(errors: Floats, sizes: Floats) -> tuple[float, float, float]:
    """Mean absolute, root mean square, largest size."""
    if not len(errors):
        return float("nan"), float("nan"), float("nan")
    return float(np.abs(errors).mean()), float(np.sqrt(np.square(errors).mean())), float(sizes.max())


def _cosine(a: Floats, b: Floats) -> float:
    weights, product = np.linalg.norm(a, axis=1), np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    kept = product > 0
    if not kept.any():
        return float("nan")
    return float(np.average(np.einsum("ai,ai->a", a, b)[kept] / product[kept], weights=weights[kept]))


def _correlation(a: Floats, b: Floats) -> float:
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _cell(value: float) -> float | None:
    return value if np.isfinite(value) else None
