"""Many reactions searched for on a model and held against known barriers: no search that fails is an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Label, Structure
from reactal.errors import ReactalError
from reactal.exploration.descent import descend
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


def check_suite(
    subject: Subject,
    suite: Sequence[SuiteReaction],
    *,
    rng: np.random.Generator,
    progress: Progress,
    pool: LabelPool | None = None,
) -> Findings:
    """Barriers on the model against the suite's; with a `pool`, against the labeler's single points at the model's geometries."""
    if pool is not None:
        suite = [replace(one, forward=None, reverse=None, zero_point=False) for one in suite]
    progress.begin("barriers", total=len(suite))
    found: list[tuple[Reaction, Points | None]] = []
    for done, reaction in enumerate(suite, start=1):
        found.append(_searched(subject.potential, reaction, rng))
        progress.update(done, {"no barrier": sum(bool(one.stated) for one, _ in found)})
    reactions = [one for one, _ in found] if pool is None else _labelled(found, pool)
    progress.end(f"{sum(not one.stated for one in reactions)} of {len(suite)} barriers found")
    return barrier_findings(reactions, subject.goals)


def _searched(potential: Potential, given: SuiteReaction, rng: np.random.Generator) -> tuple[Reaction, Points | None]:
    """Whatever goes wrong is what was found."""
    stated = partial(Reaction, given.name, UNKNOWN, _known(given))
    try:
        reactant, product = (_relaxed(potential, end) for end in (given.reactant, given.product))
        ends = Ends(reactant, align(product, reactant))
        saddle, remark = _saddle(potential, given, ends, rng)
    except (ReactalError, np.linalg.LinAlgError) as error:  # other elements, atoms on each other, numbers that are none
        return stated(stated=" ".join(str(error).split())), None
    if saddle.refused is not None:
        return stated(stated=f"no saddle: {saddle.refused}"), None
    points = (ends.reactant, ends.reactant.moved(saddle.positions), ends.product)
    model, spread = heights_of(potential, points)
    if given.zero_point:
        model = _with_zero_points(potential, points, model)
    names = {ends.name(way.positions) for way in descend(potential, ends.reactant, saddle)} if saddle.first_order else set()
    joins = names == {"reactant", "product"}
    wrong = "" if saddle.first_order else f"the stationary point found has {saddle.negative_modes} negative modes"
    wrong = wrong or ("" if joins else "the saddle found joins other minima: " + " and ".join(sorted(names)))
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
    return reaction, points


def _known(given: SuiteReaction) -> Heights:
    both = None if given.forward is None or given.reverse is None else given.forward - given.reverse
    return Heights(given.forward, given.reverse, both)


def _saddle(potential: Potential, given: SuiteReaction, ends: Ends, rng: np.random.Generator) -> tuple[SaddlePoint, str]:
    """From the band; where that finds none of first order, from the reference's saddle if there is one."""
    path = geodesic_path(ends.reactant, ends.product, images=IMAGES, rng=rng, jitter=JITTER)
    band = relax_band(potential, ends.reactant, path, settings=FREE, max_steps=BAND_STEPS, rng=rng)
    found = find_saddle(potential, ends.reactant, band.climbing, mode_hint=band.tangent, limits=LIMITS)
    if found.first_order or given.saddle is None:
        return found, "from a band between the ends"
    again = find_saddle(potential, ends.reactant, align(given.saddle, ends.reactant).positions, limits=LIMITS)
    return (again, "from the reference's saddle") if again.first_order else (found, "from a band between the ends")


def _relaxed(potential: Potential, start: Structure) -> Structure:
    search = Relaxation(start, max_steps=END_STEPS, force_max=END_FORCE, largest_trust=0.2)
    while not search.done:
        said = potential.predict(Frames.of([start.moved(search.ask())]))
        search.tell(float(said.energy[0]), said.forces)
    return start.moved(search.positions)


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


def _labelled(found: Sequence[tuple[Reaction, Points | None]], pool: LabelPool) -> list[Reaction]:
    """With the labeler's energies at the model's stationary points for a reference."""
    rows = [(i, point) for i, (_, points) in enumerate(found) for point in points or ()]
    energies: dict[int, list[float | None]] = {i: [] for i, _ in rows}
    answers = {outcome.index: outcome.answer for outcome in pool.label([point for _, point in rows])}
    left: dict[int, float] = {}
    for place, (i, _) in enumerate(rows):
        answer = answers[place]
        energies[i].append(answer.energy if isinstance(answer, Label) else None)
        if len(energies[i]) == 2 and isinstance(answer, Label):
            left[i] = float(np.linalg.norm(answer.forces, axis=1).max())
    out = []
    for i, (reaction, points) in enumerate(found):
        if points is None:
            out.append(reaction)
            continue
        low, high, end = energies[i]
        reference = Heights.of((low, high, end))
        stated = reaction.stated or ("" if None not in (low, high, end) else "the reference has no energy at a stationary point")
        out.append(replace(reaction, reference=reference, force_left=left.get(i), stated=stated))
    return out


def _shown(name: str, points: Points, remark: str) -> tuple[Geometry, ...]:
    kinds = (("reactant", "minimum"), ("saddle", "saddle"), ("product", "minimum"))
    rows = zip(points, kinds, strict=True)
    return tuple(
        Geometry(
            f"{name}-{what}", f"{name}, {what}", kind, point, group=name, facts=(("found", remark),) if what == "saddle" else ()
        )
        for point, (what, kind) in rows
    )
