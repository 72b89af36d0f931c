"""Frequencies of a model against a reference's, and what follows from them, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from reactal.units import KCAL_PER_MOL
from reactal.validation.base import Cell, Column, Table
from reactal.validation.thermochemistry import Rates, StationaryPoint

__all__ = ["Pair", "frequency_table", "rate_table", "thermochemistry_table"]

CHAPTER = "vibrations"
KCAL = "kcal/mol"
DEGENERATE = 1.0  # cm^-1


@final
@dataclass(frozen=True, eq=False)
class Pair:
    """One stationary point on the model and, where it was computed, with the reference's energy and Hessian at the same place."""

    name: str
    model: StationaryPoint
    reference: StationaryPoint | None = None

    @property
    def errors(self) -> tuple[float, ...]:
        """Model minus reference (cm^-1) in ascending order of the wavenumbers."""
        if self.reference is None:
            return ()
        return tuple((np.sort(self.model.wavenumbers) - np.sort(self.reference.wavenumbers)).tolist())

    @property
    def overlap(self) -> float | None:
        """Of the two imaginary modes, 0 to 1; None where there are not two."""
        if self.reference is None or not (self.model.imaginary and self.reference.imaginary):
            return None
        return float(abs(self.model.modes[0] @ self.reference.modes[0]))


def frequency_table(pairs: Sequence[Pair]) -> Table:
    """A line for every mode."""
    rows: list[tuple[Cell, ...]] = []
    for pair in pairs:
        there = pair.reference
        for i, here in enumerate(pair.model.wavenumbers.tolist()):
            known = None if there is None else float(there.wavenumbers[i])
            shared = None if there is None else _shared(pair.model, i, there)
            rows.append((pair.name, i + 1, here, known, None if known is None else here - known, shared))
    units = (Column("model", "cm⁻¹"), Column("reference", "cm⁻¹"), Column("error", "cm⁻¹"))
    columns = (Column("point"), Column("mode"), *units, Column("best overlap"))
    note = "Imaginary wavenumbers are negative; masses are those of the commonest isotopes."
    return Table("frequencies", CHAPTER, "Harmonic frequencies", columns, tuple(rows), note)


def _shared(model: StationaryPoint, mode: int, there: StationaryPoint) -> float:
    """Overlap of a mode with the reference's most like it; with all that share its wavenumber, for they may be mixed at will."""
    overlaps = np.square(there.modes @ model.modes[mode])
    alike = np.abs(there.wavenumbers - there.wavenumbers[int(np.argmax(overlaps))]) < DEGENERATE
    return float(overlaps[alike].sum() ** 0.5)


def thermochemistry_table(pairs: Sequence[Pair], *, temperature: float) -> Table:
    """A line for every point, above the first of them; temperature in K."""
    rows: list[tuple[Cell, ...]] = []
    first = pairs[0]
    for pair in pairs:
        cells: list[Cell] = [pair.name]
        for here, zero in ((pair.model, first.model), (pair.reference, first.reference)):
            if here is None or zero is None:
                cells += [None, None, None]
                continue
            free = here.free_energy(temperature) - zero.free_energy(temperature)
            cells += [value / KCAL_PER_MOL for value in (here.energy - zero.energy, here.zero_point, free)]
        rows.append((*cells, pair.overlap))
    heads = ((f"{what} {who}", KCAL) for who in ("model", "reference") for what in ("energy", "zero-point energy", "free energy"))
    columns = (Column("point"), *(Column(*head) for head in heads), Column("overlap of imaginary modes"))
    note = f"Energy and free energy above {first.name}; {temperature:g} K, 1 bar, soft modes as 100 cm⁻¹, symmetry numbers 1."
    return Table("thermochemistry", CHAPTER, "Zero-point and free energies", columns, tuple(rows), note)


def rate_table(found: Sequence[tuple[str, str, Rates]]) -> Table:
    """(whose, direction, rates)."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (whose, way, r.temperature, r.activation / KCAL_PER_MOL, r.classical, r.wigner, r.eckart, r.with_eckart)
        for whose, way, r in found
    )
    columns = (
        Column("of"),
        Column("direction"),
        Column("temperature", "K"),
        Column("free energy of activation", KCAL),
        Column("rate", "1/s"),
        Column("Wigner", detail=True),
        Column("Eckart"),
        Column("rate with Eckart", "1/s"),
    )
    return Table("rates", CHAPTER, "Rate constants", columns, rows)
