"""Hessians of the model and of the labeler at stationary points, and what follows from them: a chapter of a validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Label, LabelFailure, Structure
from reactal.exploration.hessian import central_differences, displaced
from reactal.exploration.modes import frequencies, vibrations
from reactal.labeling.base import LabelPool
from reactal.potentials.base import Potential
from reactal.potentials.curvature import curvature
from reactal.progress import Progress
from reactal.sections import Goals
from reactal.stages.stiffness_errors import reasons
from reactal.validation.base import Findings, Geometry
from reactal.validation.thermochemistry import Rates, StationaryPoint, rates
from reactal.validation.verdicts import frequency_outcome
from reactal.validation.vibrations import Pair, frequency_table, rate_table, thermochemistry_table

__all__ = ["STEP", "check_vibrations", "labelled_points", "point_of"]

Floats = NDArray[np.float64]
Named = tuple[str, Structure]

STEP = 5e-3  # angstrom; an O-H stretch is then right to 0.3 cm^-1, and forces need be no better than 1e-6 eV/angstrom
TEMPERATURES = (298.15, 500.0, 1000.0)  # K, of rates; thermochemistry is of the first
SHOWN = 0.4  # angstrom that the atom which moves most is moved by in a picture of a mode


def check_vibrations(
    potential: Potential,
    points: Sequence[Named],
    goals: Goals,
    *,
    labelled: Sequence[StationaryPoint | str] = (),
    training: Frames | None = None,
) -> Findings:
    """At named stationary points; reactant, saddle, product in this order have rates. `labelled`: the same from the reference, or
    a sentence on why there is none; `training`: what the model was trained on."""
    energies = potential.predict(Frames.of([structure for _, structure in points])).energy
    pairs = []
    for i, (name, structure) in enumerate(points):
        there = labelled[i] if i < len(labelled) else None
        curved = curvature(potential, structure)
        if not np.isfinite(curved).all():
            return Findings((frequency_outcome([], goals, missing=f"the model gives no finite force near the {name}"),))
        model = point_of(structure, float(energies[i]), curved)
        pairs.append(Pair(name, model, there if isinstance(there, StationaryPoint) else None))
    failed = [text for text in labelled if isinstance(text, str)]
    missing = failed[0] if failed else "no Hessian was asked of the reference; --label computes them"
    outcome = frequency_outcome([error for pair in pairs for error in pair.errors], goals, missing=missing)
    outcome = replace(outcome, evidence=reasons(potential, pairs, training))
    tables = [frequency_table(pairs), thermochemistry_table(pairs, temperature=TEMPERATURES[0])]
    if len(pairs) == 3:
        found = [row for whose in ("model", "reference") for row in _rates(pairs, whose)]
        tables += [rate_table(found)] if found else []
    return Findings((outcome,), tuple(tables), geometries=tuple(_moving(pair) for pair in pairs if pair.model.imaginary))


def point_of(structure: Structure, energy: float, hessian: Floats) -> StationaryPoint:
    """From a Hessian (3N, 3N) eV/angstrom^2, with the masses of the commonest isotopes."""
    from ase.data import atomic_masses_common

    masses = np.asarray(atomic_masses_common[np.asarray(structure.numbers)], dtype=np.float64)
    wavenumbers = frequencies(hessian, structure.positions, masses)
    return StationaryPoint(structure, energy, wavenumbers, vibrations(hessian, structure.positions, masses)[1])


def labelled_points(
    pool: LabelPool, structures: Sequence[Structure], *, progress: Progress, step: float = STEP
) -> tuple[StationaryPoint | str, ...]:
    """By finite differences of the labeler's gradients, 6N + 1 labels a point, those of all points spread over the pool at once.
    A sentence where a label failed."""
    wanted: list[Structure] = []
    for structure in structures:
        wanted += [structure, *(structure.moved(place) for place in displaced(structure.positions, step))]
    progress.begin("hessians", total=len(wanted))
    answers: list[Label | LabelFailure | None] = [None] * len(wanted)
    for done, outcome in enumerate(pool.label(wanted), start=1):
        answers[outcome.index] = outcome.answer
        progress.update(done)
    progress.end(f"{len(wanted)} gradients for {len(structures)} Hessians")
    found: list[StationaryPoint | str] = []
    start = 0
    for structure in structures:
        count = 2 * structure.positions.size + 1
        found.append(_point(structure, answers[start : start + count], step))
        start += count
    return tuple(found)


def _point(structure: Structure, answers: Sequence[Label | LabelFailure | None], step: float) -> StationaryPoint | str:
    labels = [answer for answer in answers if isinstance(answer, Label)]
    if len(labels) < len(answers):
        failure = next((answer for answer in answers if isinstance(answer, LabelFailure)), None)
        why = "" if failure is None else f": {failure.message}"
        return f"{len(answers) - len(labels)} of the {len(answers)} gradients of {structure.formula}'s Hessian failed{why}"
    forces = np.stack([label.forces for label in labels[1:]])
    return point_of(structure, labels[0].energy, central_differences(forces, step))


def _rates(pairs: Sequence[Pair], whose: str) -> list[tuple[str, str, Rates]]:
    """Both ways, where the middle one is a saddle."""
    points = [pair.model if whose == "model" else pair.reference for pair in pairs]
    start, saddle, end = points
    if start is None or saddle is None or end is None or not saddle.imaginary:
        return []
    both = (("forward", start, end), ("reverse", end, start))
    return [(whose, way, rates(a, saddle, b, temperature=t)) for way, a, b in both for t in TEMPERATURES]


def _moving(pair: Pair) -> Geometry:
    """With its imaginary mode as a displacement of the atoms."""
    from ase.data import atomic_masses_common

    structure = pair.model.structure
    root = np.sqrt(atomic_masses_common[np.asarray(structure.numbers)])[:, None]
    move = pair.model.modes[0].reshape(-1, 3) / root
    move = SHOWN * move / np.linalg.norm(move, axis=1).max()
    mode = tuple((float(x), float(y), float(z)) for x, y, z in move)
    facts = (("imaginary frequency", f"{pair.model.imaginary:.0f} cm⁻¹"),)
    return Geometry(f"{structure.key}-mode", f"{pair.name}, imaginary mode", "saddle", structure, facts=facts, mode=mode)
