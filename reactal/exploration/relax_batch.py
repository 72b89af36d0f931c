"""Many geometries relaxed on a model side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from reactal.chem import Frames, Structure
from reactal.exploration.lockstep import Search, in_lockstep
from reactal.exploration.relax import Relaxation
from reactal.potentials.base import Potential

__all__ = ["Rest", "relax_all"]


@final
@dataclass(frozen=True, eq=False)
class Rest:
    """Where a relaxation ended: energy eV, the largest force on an atom eV/angstrom, the largest disagreement on the way."""

    structure: Structure
    energy: float
    force_max: float
    disagreement: float
    converged: bool


def relax_all(
    potential: Potential, starts: Sequence[Structure], *, max_steps: int = 150, force_max: float = 0.02, largest_move: float = 0.2
) -> tuple[Rest, ...]:
    """The minimum below each start; one call of the potential a step for all of them. Where it gives no number, `converged` is
    False and the energy infinite."""
    searches = [_relaxing(start, max_steps, force_max, largest_move) for start in starts]
    return tuple(in_lockstep(potential, searches))


def _relaxing(start: Structure, max_steps: int, force_max: float, largest_move: float) -> Search[Rest]:
    search = Relaxation(start, max_steps=max_steps, force_max=force_max, trust=min(0.1, largest_move), largest_trust=largest_move)
    lowest, doubt = np.inf, 0.0
    while not search.done:
        frames = Frames.repeat(start, search.ask())
        said = yield frames
        energy = float(said.energy[0])
        search.tell(energy, np.asarray(said.forces, dtype=np.float64))
        lowest, doubt = float(np.fmin(lowest, energy)), max(doubt, float(said.disagreement(frames)[0]))
    return Rest(start.moved(search.positions), lowest, search.force_norm, doubt, search.converged)
