"""From a model's stationary points to the reference's own, gradient by gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Label, LabelFailure, Structure
from reactal.exploration.alignment import superpose
from reactal.exploration.saddle_refinement import refine_saddle
from reactal.labeling.base import LabelPool
from reactal.progress import NoProgress
from reactal.stages.relaxing import relax_together

__all__ = ["Refined", "refined"]

Floats = NDArray[np.float64]
Points = tuple[Structure, Structure, Structure]

SADDLE_STEPS, END_STEPS = 30, 60
SADDLE_FORCE, END_FORCE = 0.03, 0.02  # eV/angstrom; an energy is then right to some hundredths of a kcal/mol


@final
@dataclass(frozen=True, eq=False)
class Refined:
    """Where the reference's reactant, saddle and product are, and their energies (eV); `why` says why there is none, else it is
    empty. `moved`: of the saddle, angstrom, root mean square after turning; `gradients` that were asked for."""

    points: Points
    energies: tuple[float, float, float] | None
    force_left: float | None
    moved: float | None
    gradients: int
    why: str = ""


def refined(
    pool: LabelPool, points: Points, hessian: Floats, *, ends: tuple[float, float] | None = None, mode: Floats | None = None
) -> Refined:
    """With the model's Hessian (3N, 3N) at its saddle to begin with. `ends`: the reference's energies of reactant and product,
    where they are its own minima already; else both are relaxed."""
    reactant, saddle, product = points
    asked = 0
    if ends is None:
        found = relax_together((reactant, product), pool, max_steps=END_STEPS, force_max=END_FORCE, progress=NoProgress())
        asked = found.asked
        if found.failure is not None:
            return Refined(points, None, None, None, asked, f"a label of an end failed: {found.failure.message}")
        (reactant, low), (product, end) = found.best(0), found.best(1)
        ends = (low.energy, end.energy)
    asking = _Asking(pool, saddle)
    top = refine_saddle(asking, saddle.positions, hessian, max_steps=SADDLE_STEPS, force_max=SADDLE_FORCE, mode=mode)
    asked += top.steps
    if not top.converged:
        why = asking.failed or top.refused or f"its force is still {top.force_max:.3f} eV/Å after {top.steps} gradients"
        return Refined(points, None, None, None, asked, f"no saddle of the reference was reached: {why}")
    there = saddle.moved(top.positions)
    moved = float(np.sqrt(np.square(superpose(top.positions, saddle.positions) - saddle.positions).sum(axis=1).mean()))
    return Refined((reactant, there, product), (ends[0], top.energy, ends[1]), top.force_max, round(moved, 6), asked)


@final
class _Asking:
    """The labeler as a surface; where a label fails there is no number."""

    def __init__(self, pool: LabelPool, template: Structure) -> None:
        self._pool, self._template = pool, template
        self.failed = ""

    def __call__(self, positions: Floats) -> tuple[float, Floats]:
        answer = next(iter(self._pool.label([self._template.moved(positions)]))).answer
        if isinstance(answer, LabelFailure):
            self.failed = f"a label failed: {answer.message}"
            return float("nan"), np.full_like(positions, np.nan)
        assert isinstance(answer, Label)
        return answer.energy, np.asarray(answer.forces, dtype=np.float64)
