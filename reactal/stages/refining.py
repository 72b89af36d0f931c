"""From a model's stationary points to the reference's own, gradient by gradient.

The searches of all reactions, two ends and a saddle each, go side by side: whatever they want to know next is labelled together.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Label, LabelFailure, Structure
from reactal.exploration.alignment import superpose
from reactal.exploration.relax import Relaxation
from reactal.exploration.saddle_refinement import RefinedSaddle, SaddleSearch, saddle_search
from reactal.labeling.base import LabelPool
from reactal.progress import NoProgress, Progress

__all__ = ["Refined", "Unrefined", "refined"]

Floats = NDArray[np.float64]
Points = tuple[Structure, Structure, Structure]
Answers = Sequence[Label | LabelFailure]

SADDLE_STEPS, END_STEPS = 30, 60
SADDLE_FORCE, END_FORCE = 0.03, 0.02  # eV/angstrom; an energy is then right to some hundredths of a kcal/mol


@final
@dataclass(frozen=True, eq=False)
class Unrefined:
    """A model's stationary points, its Hessian (3N, 3N) at the saddle and the mode to follow there, None: the lowest. `ends`: the
    reference's energies (eV) of reactant and product where they are its own minima already; else both are relaxed."""

    points: Points
    hessian: Floats
    mode: Floats | None = None
    ends: tuple[float, float] | None = None


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


@final
@dataclass(frozen=True, eq=False)
class _Reached:
    """What one search came to: a point of the reference, or why there is none."""

    point: Structure
    energy: float = float("nan")
    force_left: float = float("nan")
    why: str = ""


_Search = Generator[list[Structure], Answers, _Reached]
_Row = tuple[int, int]  # which reaction, and which of its points


def refined(pool: LabelPool, given: Sequence[Unrefined], *, progress: Progress | None = None) -> list[Refined]:
    """Each to the reference's own points. Where one search of a reaction fails its others end."""
    running = [_searches(one) for one in given]
    found: list[dict[int, _Reached]] = [{} for _ in given]
    asked = [0] * len(given)
    answers: dict[_Row, Answers] = {}
    while wanted := _wanted(running, answers, found):
        answers = _labelled(pool, wanted)
        for (i, _), those in wanted.items():
            asked[i] += len(those)
        (progress or NoProgress()).update(sum(asked), {"searches": len(wanted)})
    return [_judged(*each) for each in zip(given, found, asked, strict=True)]


def _wanted(
    running: Sequence[dict[int, _Search]], answers: dict[_Row, Answers], found: Sequence[dict[int, _Reached]]
) -> dict[_Row, list[Structure]]:
    """What the searches ask for next, now that they are told the answers; what they came to is `found`."""
    wanted: dict[_Row, list[Structure]] = {}
    for i, searches in enumerate(running):
        for place, search in list(searches.items()):
            try:
                wanted[i, place] = search.send(answers[i, place]) if (i, place) in answers else next(search)
            except StopIteration as end:
                found[i][place] = end.value
                del searches[place]
        if any(one.why for one in found[i].values()):
            searches.clear()
    return {(i, place): those for (i, place), those in wanted.items() if place in running[i]}


def _searches(given: Unrefined) -> dict[int, _Search]:
    """By the place of their point."""
    reactant, saddle, product = given.points
    ends = {} if given.ends is not None else {0: _end(reactant), 2: _end(product)}
    return {**ends, 1: _top(saddle, given)}


def _labelled(pool: LabelPool, wanted: dict[_Row, list[Structure]]) -> dict[_Row, Answers]:
    rows = [(row, structure) for row, those in wanted.items() for structure in those]
    said: dict[int, Label | LabelFailure] = {o.index: o.answer for o in pool.label([structure for _, structure in rows])}
    answers: dict[_Row, list[Label | LabelFailure]] = {row: [] for row in wanted}
    for index, (row, _) in enumerate(rows):
        answers[row].append(said[index])
    return dict(answers)


def _end(start: Structure) -> _Search:
    """The lowest structure on the way down."""
    search = Relaxation(start, max_steps=END_STEPS, force_max=END_FORCE)
    best = _Reached(start)
    while not search.done:
        there = start.moved(search.ask())
        (answer,) = yield [there]
        if isinstance(answer, LabelFailure):
            return _Reached(start, why=f"a label of an end failed: {answer.message}")
        if not answer.energy >= best.energy:
            best = _Reached(there, answer.energy)
        search.tell(answer.energy, answer.forces)
    return best


def _top(saddle: Structure, given: Unrefined) -> _Search:
    """The reference's saddle; where a label fails there is no number."""
    search: SaddleSearch = saddle_search(
        saddle.positions, given.hessian, max_steps=SADDLE_STEPS, force_max=SADDLE_FORCE, mode=given.mode
    )
    failed = ""
    places = next(search)
    while True:
        answers = yield [saddle.moved(place) for place in places]
        failed = next((f"a label failed: {one.message}" for one in answers if isinstance(one, LabelFailure)), failed)
        try:
            places = search.send([_number(answer, saddle) for answer in answers])
        except StopIteration as end:
            return _top_reached(saddle, end.value, failed)


def _number(answer: Label | LabelFailure, like: Structure) -> tuple[float, Floats]:
    if isinstance(answer, LabelFailure):
        return float("nan"), np.full(like.positions.shape, np.nan)
    return answer.energy, np.asarray(answer.forces, dtype=np.float64)


def _top_reached(saddle: Structure, top: RefinedSaddle, failed: str) -> _Reached:
    there = saddle.moved(top.positions)
    if top.converged:
        return _Reached(there, top.energy, top.force_max)
    why = failed or top.refused or f"its force is still {top.force_max:.3f} eV/Å after {top.steps} gradients"
    return _Reached(there, why=f"no saddle of the reference was reached: {why}")


def _judged(given: Unrefined, found: dict[int, _Reached], asked: int) -> Refined:
    if why := next((one.why for one in found.values() if one.why), ""):
        return Refined(given.points, None, None, None, asked, why)
    top, saddle = found[1], given.points[1]
    low, high = (found[0].energy, found[2].energy) if given.ends is None else given.ends
    points = (found[0].point, top.point, found[2].point) if given.ends is None else (given.points[0], top.point, given.points[2])
    moved = float(np.sqrt(np.square(superpose(top.point.positions, saddle.positions) - saddle.positions).sum(axis=1).mean()))
    return Refined(points, (low, top.energy, high), top.force_left, round(moved, 6), asked)
