"""Many reactions searched for on a model and held against known barriers: no search that fails is an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Label, Structure
from reactal.errors import ReactalError, UnusablePotential
from reactal.exploration.descent import Descent, descend
from reactal.exploration.neb import BandSettings, relax_band
from reactal.exploration.paths import align, geodesic_path
from reactal.exploration.relax import Relaxation
from reactal.exploration.saddle import SaddleLimits, SaddlePoint, find_saddle
from reactal.labeling.base import LabelPool
from reactal.potentials.base import Potential
from reactal.potentials.curvature import curvature
from reactal.progress import Progress
from reactal.stages.check_barriers import Heights, Reaction, barrier_findings, heights_of
from reactal.stages.check_vibrations import point_of
from reactal.stages.ends import Ends
from reactal.stages.reaction_path import ReactionPath, path_over, path_shown
from reactal.stages.refining import Unrefined, refined
from reactal.stages.subject import Subject
from reactal.stages.suite import SuiteReaction
from reactal.units import KCAL_PER_MOL
from reactal.validation.base import Findings, Geometry

__all__ = ["check_suite"]

Floats = NDArray[np.float64]
Points = tuple[Structure, Structure, Structure]

UNKNOWN = Heights(None, None, None)
IMAGES, JITTER, BAND_STEPS = 13, 0.05, 150
FREE = BandSettings(force_max=0.1, cap=float("inf"), move=float("inf"))  # what does not learn needs no leash
LIMITS = SaddleLimits(disagreement=float("inf"), energy=1.5, move=3.0, max_steps=120)
END_STEPS, END_FORCE = 150, 0.02  # eV/angstrom
PATHS = 12  # reactions whose way is drawn; a page with more is not looked at


@final
@dataclass(frozen=True, eq=False)
class _Found:
    """What a search came to: the reaction, and the model's stationary points, Hessian and way where there are any."""

    reaction: Reaction
    points: Points | None = None
    saddle: SaddlePoint | None = None
    path: ReactionPath | None = None


def check_suite(
    subject: Subject,
    suite: Sequence[SuiteReaction],
    *,
    rng: np.random.Generator,
    progress: Progress,
    pool: LabelPool | None = None,
    refine: bool = False,
) -> Findings:
    """Barriers on the model against the suite's; with a `pool`, against the labeler's single points at the model's geometries, or
    with `refine` against those at the stationary points that the labeler itself has nearby."""
    if pool is not None:
        suite = [replace(one, forward=None, reverse=None, reaction=None, zero_point=False) for one in suite]
    progress.begin("barriers", total=len(suite))
    found: list[_Found] = []
    for done, reaction in enumerate(suite, start=1):
        one = _searched(subject.potential, reaction, rng)
        found.append(one if done <= PATHS else replace(one, path=None))
        progress.update(done, {"no barrier": sum(bool(one.reaction.stated) for one in found)})
    progress.end(f"{sum(not one.reaction.stated for one in found)} of {len(suite)} barriers found")
    reactions = [_drawn(one, {}) for one in found] if pool is None else _labelled(found, pool, progress)
    if pool is not None and refine:
        reactions = _refined(found, reactions, pool, progress)
    return barrier_findings(reactions, subject.goals)


def _searched(potential: Potential, given: SuiteReaction, rng: np.random.Generator) -> _Found:
    """Whatever goes wrong is what was found."""
    stated = partial(Reaction, given.name, UNKNOWN, _known(given))
    try:
        reactant, product = (_relaxed(potential, end) for end in (given.reactant, given.product))
        ends = Ends(reactant, align(product, reactant))
        saddle, remark = _saddle(potential, given, ends, rng)
    except (ReactalError, np.linalg.LinAlgError) as error:  # other elements, atoms on each other, numbers that are none
        return _Found(stated(stated=" ".join(str(error).split())))
    if saddle.refused is not None:
        return _Found(stated(stated=f"no saddle: {saddle.refused}"))
    points = (ends.reactant, ends.reactant.moved(saddle.positions), ends.product)
    model, spread = heights_of(potential, points)
    if given.zero_point:
        model = _with_zero_points(potential, points, model)
    ways = _ways(potential, ends, saddle)
    names = [ends.name(way.positions) for way in ways]
    joins = names == ["reactant", "product"]
    wrong = "" if saddle.first_order else f"the stationary point found has {saddle.negative_modes} negative modes"
    wrong = wrong or ("" if joins else "the saddle found joins other minima: " + " and ".join(sorted(set(names))))
    reaction = Reaction(
        given.name,
        model,
        _known(given),
        spread,
        negative_modes=saddle.negative_modes,
        joins=joins,
        off_ts=None if given.saddle is None else _apart(points[1], given.saddle),
        stated=wrong,
        geometries=_shown(given.name, points, remark),
    )
    return _Found(reaction, points, saddle, path_over(potential, points[0], points[1], (ways[0], ways[1])) if ways else None)


def _ways(potential: Potential, ends: Ends, saddle: SaddlePoint) -> list[Descent]:
    """Both ways down, the one to the reactant first; none from what is no saddle."""
    if not saddle.first_order:
        return []
    return sorted(descend(potential, ends.reactant, saddle), key=lambda way: ends.name(way.positions) != "reactant")


def _known(given: SuiteReaction) -> Heights:
    both = None if given.forward is None or given.reverse is None else given.forward - given.reverse
    return Heights(given.forward, given.reverse, given.reaction if both is None else both)


def _drawn(found: _Found, known: dict[int, float]) -> Reaction:
    """With its way; `known`: energies of the reference at images of it, above the reactant (eV)."""
    one = found.reaction
    if found.path is None:
        return one
    curves, images = path_shown(one.name, found.path, known)
    return replace(one, curves=curves, geometries=(*one.geometries, *images))


def _saddle(potential: Potential, given: SuiteReaction, ends: Ends, rng: np.random.Generator) -> tuple[SaddlePoint, str]:
    """From the band; where that finds none of first order, from the reference's saddle if there is one."""
    path = geodesic_path(ends.reactant, ends.product, images=IMAGES, rng=rng, jitter=JITTER)
    band = relax_band(potential, ends.reactant, path, settings=FREE, max_steps=BAND_STEPS, rng=rng)
    _require_numbers(potential, ends.reactant.moved(band.climbing), "top of the band")
    found = find_saddle(potential, ends.reactant, band.climbing, mode_hint=band.tangent, limits=LIMITS)
    if found.first_order or given.saddle is None:
        return found, "from a band between the ends"
    start = align(given.saddle, ends.reactant)
    _require_numbers(potential, start, "reference's saddle")
    again = find_saddle(potential, ends.reactant, start.positions, limits=LIMITS)
    return (again, "from the reference's saddle") if again.first_order else (found, "from a band between the ends")


def _relaxed(potential: Potential, start: Structure) -> Structure:
    search = Relaxation(start, max_steps=END_STEPS, force_max=END_FORCE, largest_trust=0.2)
    while not search.done:
        said = potential.predict(Frames.of([start.moved(search.ask())]))
        search.tell(float(said.energy[0]), said.forces)
    return start.moved(search.positions)


def _require_numbers(potential: Potential, structure: Structure, where: str) -> None:
    said = potential.predict(Frames.of([structure]))
    if not (np.isfinite(said.energy).all() and np.isfinite(said.forces).all()):
        raise UnusablePotential(f"the model gives no finite energy or force at the {where}")


def _with_zero_points(potential: Potential, points: Points, bare: Heights) -> Heights:
    """As the suite's barriers are."""
    low, high, end = (point_of(p, 0.0, curvature(potential, p)).zero_point / KCAL_PER_MOL for p in points)
    assert (
        bare.forward is not None and bare.reverse is not None and bare.reaction is not None
    )  # of a potential all three are known
    return Heights(bare.forward + high - low, bare.reverse + high - end, bare.reaction + end - low)


def _apart(mine: Structure, other: Structure) -> float:
    """Root mean square distance of the atoms after turning, angstrom."""
    return float(np.sqrt(np.square(align(other, mine).positions - mine.positions).sum(axis=1).mean()))


def _labelled(found: Sequence[_Found], pool: LabelPool, progress: Progress) -> list[Reaction]:
    """With the labeler's energies at the model's stationary points for a reference."""
    wanted = [[*(one.points or ()), *(one.path.structures() if one.path and one.points else ())] for one in found]
    rows = [(i, place) for i, each in enumerate(wanted) for place in range(len(each))]
    answers: list[dict[int, Label]] = [{} for _ in found]
    progress.begin("labels", total=len(rows))
    for done, outcome in enumerate(pool.label([wanted[i][place] for i, place in rows]), start=1):
        i, place = rows[outcome.index]
        if isinstance(outcome.answer, Label):
            answers[i][place] = outcome.answer
        progress.update(done)
    progress.end(f"{sum(map(len, answers))} single points at stationary points and on the ways to them")
    return [_judged(one, labels) for one, labels in zip(found, answers, strict=True)]


def _judged(found: _Found, labels: dict[int, Label]) -> Reaction:
    """labels: by the place of the structure, reactant, saddle, product first, the images that were asked for after them."""
    if found.points is None:
        return found.reaction
    low, high, end = (labels[place].energy if place in labels else None for place in range(3))
    known: dict[int, float] = {}
    if found.path is not None and low is not None:
        images = zip((found.path.top, *found.path.asked), (1, *range(3, 3 + len(found.path.asked))), strict=True)
        known = {image: labels[place].energy - low for image, place in images if place in labels}
    reaction = found.reaction
    stated = reaction.stated or ("" if None not in (low, high, end) else "the reference has no energy at a stationary point")
    force = float(np.linalg.norm(labels[1].forces, axis=1).max()) if 1 in labels else None
    judged = replace(reaction, reference=Heights.of((low, high, end)), force_left=force, stated=stated)
    return _drawn(replace(found, reaction=judged), known)


def _refined(found: Sequence[_Found], reactions: Sequence[Reaction], pool: LabelPool, progress: Progress) -> list[Reaction]:
    """Against the reference's own stationary points, where they were reached; the searches of all reactions go side by side."""
    given = {
        i: Unrefined(one.points, one.saddle.hessian, one.saddle.mode)
        for i, (one, reaction) in enumerate(zip(found, reactions, strict=True))
        if one.points is not None and one.saddle is not None and not reaction.stated
    }
    progress.begin("refine")
    there = dict(zip(given, refined(pool, list(given.values()), progress=progress), strict=True))
    progress.end(f"{sum(not one.why for one in there.values())} of {len(given)} saddles of the reference reached")
    return [one.against(there[i]) if i in there else one for i, one in enumerate(reactions)]


def _shown(name: str, points: Points, remark: str) -> tuple[Geometry, ...]:
    kinds = (("reactant", "minimum"), ("saddle", "saddle"), ("product", "minimum"))
    rows = zip(points, kinds, strict=True)
    return tuple(
        Geometry(
            f"{name}-{what}", f"{name}, {what}", kind, point, group=name, facts=(("found", remark),) if what == "saddle" else ()
        )
        for point, (what, kind) in rows
    )
