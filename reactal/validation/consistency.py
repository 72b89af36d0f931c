"""Whether forces are the slope of the energy: along random lines, and along dynamics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.base import Potential
from reactal.validation.base import Column, Table

__all__ = ["Consistency", "along_lines", "along_path", "consistency_table"]

Floats = NDArray[np.float64]
FEW = 5  # lines; fewer have no correlation worth a word
STEP = 5e-3  # angstrom that an atom moves, root mean square; the error of the five-point formula is of fourth order in it
_STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))  # first derivative, in units of the step


@final
@dataclass(frozen=True, eq=False)
class Consistency:
    """slope (m,): by differences of the energy; work (m,): by the forces; known (m,): by the reference's, NaN where there is no
    label; along unit directions, eV/angstrom."""

    slope: Floats
    work: Floats
    known: Floats

    @property
    def error_rms(self) -> float:
        return float(np.sqrt(np.square(self.slope - self.work).mean())) if len(self.slope) else float("nan")

    @property
    def error_max(self) -> float:
        return float(np.abs(self.slope - self.work).max()) if len(self.slope) else float("nan")

    @property
    def correlation(self) -> float | None:
        """Of the slope of the model's energy with the work of the reference's forces; None where that says nothing."""
        here, there = self.slope[(told := np.isfinite(self.known))], self.known[told]
        if len(here) < FEW or not (np.ptp(here) and np.ptp(there)):
            return None
        return float(np.corrcoef(here, there)[0, 1])


def along_lines(potential: Potential, frames: Frames, *, rng: np.random.Generator, step: float = STEP) -> Consistency:
    """A random line through each structure."""
    direction = rng.standard_normal(frames.positions.shape)
    direction /= np.sqrt(np.add.reduceat(np.square(direction).sum(axis=1), frames.offsets[:-1]))[frames.owner][:, None]
    # a unit direction moves each of N atoms by 1 / sqrt(N)
    reach = step * np.sqrt(frames.sizes)
    slope = np.zeros(len(frames))
    for place, weight in _STENCIL:
        moved = frames.positions + place * reach[frames.owner][:, None] * direction
        slope += weight * potential.predict(replace(frames, positions=moved)).energy / reach
    given = potential.predict(frames).forces, frames.forces
    work, known = (-np.add.reduceat((forces * direction).sum(axis=1), frames.offsets[:-1]) for forces in given)
    return Consistency(slope, np.asarray(work), np.asarray(known))


def along_path(positions: Floats, energies: Floats, forces: Floats) -> float:
    """How far energy minus the work of the forces strays (eV) along positions, forces (k, N, 3) with energies (k,): the largest
    distance from where it began. Work by the trapezoidal rule."""
    moves = np.diff(positions, axis=0)
    work = -np.einsum("kni,kni->k", moves, (forces[1:] + forces[:-1]) / 2)
    return float(np.abs(np.cumsum(np.diff(energies) - work)).max()) if len(moves) else float("nan")


def consistency_table(lines: Consistency, *, strays: float | None = None) -> Table:
    """`strays` (eV): of `along_path`."""
    rows: list[tuple[str | float | int | None, ...]] = [
        ("random lines", len(lines.slope), 1e3 * lines.error_rms, 1e3 * lines.error_max, lines.correlation, None)
    ]
    if strays is not None:
        rows.append(("dynamics", 1, None, None, None, 1e3 * strays))
    errors = (Column("RMS", "meV/Å"), Column("max", "meV/Å"), Column("correlation with reference"))
    columns = (Column("along"), Column("lines"), *errors, Column("energy strays", "meV"))
    note = "By differences of the model's energy, against its forces; the correlation is with the forces of the labels."
    return Table("consistency", "accuracy", "Forces against the slope of the energy", columns, tuple(rows), note)
