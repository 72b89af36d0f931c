"""Both ends relaxed side by side with the labeler, every gradient kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from reactal.chem import Label, LabelFailure, Structure
from reactal.exploration.relax import Relaxation
from reactal.labeling.base import LabelPool
from reactal.progress import Progress

__all__ = ["RelaxedEnds", "relax_together"]


@final
@dataclass
class RelaxedEnds:
    """What relaxing gave: for each end the structures visited with their labels, the best of them last."""

    visited: list[list[tuple[Structure, Label]]]
    converged: list[bool]
    failure: LabelFailure | None = None
    asked: int = 0
    computed: int = 0
    reused: int = 0
    core_seconds: float = 0.0
    order: list[tuple[Structure, Label]] = field(default_factory=list)

    def best(self, end: int) -> tuple[Structure, Label]:
        """The lowest structure of an end."""
        return min(self.visited[end], key=lambda pair: pair[1].energy)


def relax_together(
    starts: Sequence[Structure], pool: LabelPool, *, max_steps: int, force_max: float, progress: Progress
) -> RelaxedEnds:
    """One gradient of each unfinished end at a time, so that two slots are never idle while both relax."""
    searches = [Relaxation(start, max_steps=max(max_steps, 1), force_max=force_max) for start in starts]
    out = RelaxedEnds(visited=[[] for _ in starts], converged=[False] * len(starts))
    while open_ends := [i for i, search in enumerate(searches) if not search.done]:
        structures = [starts[i].moved(searches[i].ask()) for i in open_ends]
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
        for row, end in enumerate(open_ends):
            out.visited[end].append((structures[row], answers[row]))
            out.order.append((structures[row], answers[row]))
            searches[end].tell(answers[row].energy, answers[row].forces)
    out.converged = [search.converged for search in searches]
    return out
