"""What orbitals of geometries nearby save as the guess: a path labelled from fresh guesses and from those of its neighbours.

Part of `label.py`. Both run in warm programs, one after the other; energies must agree. One label in ten is compared with a fresh
guess, after it was answered: the share of the compared ones is of their own seconds.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
from figure import Figure

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.psi4 import Psi4Labeler
from reactal.labeling.psi4_worker.neighbours import SAMPLE
from reactal.units import HARTREE

__all__ = ["compared_figure", "guess_figures"]

THEORY = Theory.parse("wb97x-d/6-31g*")
STEPS = (0.02, 0.05, 0.10)  # angstrom between neighbours, root mean square over the atoms
AGREE = 1e-8 * HARTREE
GOAL = 0.25


def guess_figures(middle: Structure, *, points: int) -> list[Figure]:
    """Of paths through `middle` along the transfer of its methyl group, one for each step."""
    figures = [figure for step in STEPS for figure in measured(middle, step, points)]
    saved = statistics.fmean(figure.value for figure in figures if figure.name.startswith("label.guess_iterations_saved_at"))
    overall = Figure("label.guess_iterations_saved", round(saved, 3), "", None, None, f">= {GOAL}", saved >= GOAL, len(STEPS))
    return [overall, *figures]


def compared_figure(middle: Structure, *, samples: int, theory: Theory = THEORY) -> Figure:
    """How long those labels take that are compared, over the same labels from fresh guesses; the comparisons are made as well."""
    fresh, near = (Psi4Labeler(theory, LabelingResources(reuse_guess=reuse)) for reuse in (False, True))
    shares = []
    try:
        for structure in path(middle, STEPS[0], samples * SAMPLE + 1):
            one, other = computed(fresh, structure), computed(near, structure)
            if near.owes:
                shares.append(seconds(other) / seconds(one))
                assert near.compare(structure, other) is None, "the path crosses into another state"
    finally:
        fresh.close()
        near.close()
    assert shares, "no label was compared"  # those that a nearby geometry was no help for are not counted
    share = statistics.fmean(shares)
    return Figure("label.guess_compared_share", round(share, 3), "", None, None, "<= 1", share <= 1, len(shares))


def measured(middle: Structure, step: float, points: int) -> tuple[Figure, Figure, Figure]:
    """With programs of its own: what they remember is of this path alone."""
    fresh, near = (Psi4Labeler(THEORY, LabelingResources(reuse_guess=reuse)) for reuse in (False, True))
    try:
        for labeler in (fresh, near):
            for _ in range(2):  # what is made once for a molecule is not in the figures; too far away to be a neighbour
                computed(labeler, middle.moved(middle.positions * 1.3))
        return of_path(path(middle, step, points), step, fresh=fresh, near=near)
    finally:
        fresh.close()
        near.close()


def path(middle: Structure, step: float, points: int) -> list[Structure]:
    """Geometries a step apart: the carbon and its hydrogens go from one chlorine to the other, as an umbrella turns over."""
    direction = np.zeros_like(middle.positions)
    direction[:4, 2] = 1.0  # carbon and hydrogens along the axis,
    direction[1:4, 2] += 0.6  # these ahead
    direction *= step / np.sqrt((direction**2).sum(axis=1).mean())
    return [middle.moved(middle.positions + (number - points / 2) * direction) for number in range(points)]


def of_path(
    structures: Sequence[Structure], step: float, *, fresh: Psi4Labeler, near: Psi4Labeler
) -> tuple[Figure, Figure, Figure]:
    pairs = [(computed(fresh, structure), computed(near, structure)) for structure in structures]
    following = pairs[1:]  # the first has no neighbour
    assert all(abs(one.energy - other.energy) < AGREE for one, other in pairs)
    old, new = (sum(pair[side].scf_iterations or 0 for pair in following) for side in (0, 1))
    share = sum(seconds(other) for _, other in following) / sum(seconds(one) for one, _ in following)
    alone = [seconds(other) / seconds(one) for one, other in following if len(other.attempts) == 1]  # not compared as well
    saved, most, runs, name = 1 - new / old, max(alone), len(following), f"{step:.2f}"
    return (
        Figure(f"label.guess_iterations_saved_at_{name}", round(saved, 3), "", new, old, f">= {GOAL}", saved >= GOAL, runs),
        Figure(f"label.guess_seconds_share_at_{name}", round(share, 3), "", None, None, "<= 1", share <= 1, runs),
        Figure(f"label.guess_slowest_share_at_{name}", round(most, 3), "", None, None, "<= 1", most <= 1, len(alone)),
    )


def computed(labeler: Psi4Labeler, structure: Structure) -> Label:
    answer = labeler.compute(structure)
    assert isinstance(answer, Label), answer
    return answer


def seconds(label: Label) -> float:
    return sum(attempt.seconds for attempt in label.attempts)
