"""Structures relaxed side by side with the labeler, every gradient kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Label, LabelFailure, Structure
from reactal.exploration.relax import Relaxation
from reactal.labeling.base import LabelPool
from reactal.progress import Progress

__all__ = ["RelaxedStructures", "relax_together"]


@final
@dataclass
class RelaxedStructures:
    """What relaxing gave: for each start the structures visited with their labels, in order."""

    visited: list[list[tuple[Structure, Label]]]
    converged: list[bool]
    failure: LabelFailure | None = None
    asked: int = 0
    computed: int = 0
    reused: int = 0
    core_seconds: float = 0.0
    order: list[tuple[Structure, Label]] = field(default_factory=list)

    def best(self, start: int) -> tuple[Structure, Label]:
        """The lowest structure reached from a start."""
        return min(self.visited[start], key=lambda pair: pair[1].energy)


def relax_together(
    starts: Sequence[Structure],
    pool: LabelPool,
    *,
    max_steps: int,
    force_max: float,
    progress: Progress,
    hessian: NDArray[np.float64] | None = None,
) -> RelaxedStructures:
    """One gradient of each unfinished search at a time, so that no slot is idle while several relax."""
    searches = [Relaxation(start, max_steps=max(max_steps, 1), force_max=force_max, hessian=hessian) for start in starts]
    out = RelaxedStructures(visited=[[] for _ in starts], converged=[False] * len(starts))
    while open_ones := [i for i, search in enumerate(searches) if not search.done]:
        structures = [starts[i].moved(searches[i].ask()) for i in open_ones]
        answers: dict[int, Label] = {}
        for outcome in pool.label(structures):
            out.asked += 1
            out.reused += outcome.reused
            out.computed += isinstance(outcome.answer, Label) and not outcome.reused
            if isinstance(outcome.answer, LabelFailure):
                out.failure = outcome.answer
                return out
            out.core_seconds += 0.0 if outcome.reused else outcome.answer.wall_seconds
            answers[outcome.index] = outcome.answer
            progress.update(out.asked, {"reused": out.reused})
        for row, start in enumerate(open_ones):
            out.visited[start].append((structures[row], answers[row]))
            out.order.append((structures[row], answers[row]))
            searches[start].tell(answers[row].energy, answers[row].forces)
    out.converged = [search.converged for search in searches]
    return out
