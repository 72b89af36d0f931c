"""The noise of labels, measured: a sample computed again with tighter settings, and its forces held against its energies.

For the latter two more labels, h to both sides along a random direction d (a unit vector of all coordinates). What the energies
say and what Simpson's rule says of the forces there must agree:

    e = (E(h) - E(-h) + h/3 (F(-h) + 4 F(0) + F(h)) . d) / 2h        up to h^4/180 of the fifth derivative
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Label, LabelFailure, Structure, Theory
from reactal.labeling.base import LabelPool
from reactal.progress import Progress
from reactal.store.labels import LabelEntry

__all__ = ["INCONSISTENT", "Recheck", "recheck", "tightened"]

STEP = 0.02  # angstrom, h
INCONSISTENT = 5e-3  # eV/angstrom; forces further from the slope of their energies are wrong
TIGHT: dict[str, float | int] = {
    "e_convergence": 1e-10,
    "d_convergence": 1e-9,
    "ints_tolerance": 1e-14,
    "dft_radial_points": 99,
    "dft_spherical_points": 590,
}
"""What Psi4 is asked for the second time; a theory's own keyword that is tighter stays."""

Answers = dict[str, Label | LabelFailure]


@final
@dataclass(frozen=True)
class Recheck:
    """What a sample of labels showed. Energies in eV, forces in eV/angstrom; None where nothing was compared."""

    sample: int
    failed: int  # calculations that gave no number
    energy_shift: float | None  # of the tighter settings, mean
    energy_noise: float | None  # root mean square about that shift: what differences of energies feel
    force_noise: float | None  # root mean square of the components
    force_noise_max: float | None
    inconsistency: float | None  # largest |e|

    def __str__(self) -> str:
        measured = {
            "tighter settings shift energies by {} eV": self.energy_shift,
            "with a noise of {} eV": self.energy_noise,
            "change forces by {} eV/Å (root mean square)": self.force_noise,
            "at most {} eV/Å": self.force_noise_max,
            "forces are the slope of energies within {} eV/Å": self.inconsistency,
        }
        parts = [text.format(f"{value:.1e}") for text, value in measured.items() if value is not None]
        return ", ".join([*parts, *([f"{self.failed} calculations failed"] if self.failed else [])])


def tightened(theory: Theory) -> Theory | None:
    """The same theory with less numerical error; None where the program has nothing to tighten."""
    if theory.program != "psi4":
        return None
    own = dict(theory.keywords)
    changes: dict[str, float | int] = {}
    for name, value in TIGHT.items():
        mine = own.get(name)
        tighter = max if isinstance(value, int) else min
        changes[name] = tighter(value, mine) if isinstance(mine, int | float) else value
    return theory.with_keywords(**changes)


def recheck(
    entries: Sequence[LabelEntry], pool: LabelPool, theory: Theory, *, random: np.random.Generator, progress: Progress
) -> Recheck:
    """Two labels more for each entry at `theory`, and one at the tighter one where there is one."""
    stored = [(entry.structure, entry.outcome) for entry in entries if isinstance(entry.outcome, Label)]
    directions = [_direction(structure, random) for structure, _ in stored]
    sides = [
        structure.moved(structure.positions + sign * STEP * d)
        for (structure, _), d in _both(stored, directions)
        for sign in (-1, 1)
    ]
    tight = tightened(theory)
    progress.begin("check", total=len(sides) + (len(stored) if tight else 0))
    near = _answers(pool, sides, theory, progress, done=0)
    again = _answers(pool, [structure for structure, _ in stored], tight, progress, done=len(sides)) if tight else {}
    failed = sum(isinstance(answer, LabelFailure) for answers in (near, again) for answer in answers.values())
    errors = [
        _inconsistency(label, d, near[sides[2 * i].key], near[sides[2 * i + 1].key])
        for i, ((_, label), d) in enumerate(_both(stored, directions))
    ]
    progress.end(f"{len(stored)} labels checked, {failed} calculations failed")
    known = [abs(error) for error in errors if error is not None]
    pairs = [(label, other) for structure, label in stored if isinstance(other := again.get(structure.key), Label)]
    return Recheck(len(stored), failed, *_noise(pairs), max(known, default=None))


def _both(
    stored: list[tuple[Structure, Label]], directions: list[NDArray[np.float64]]
) -> list[tuple[tuple[Structure, Label], NDArray[np.float64]]]:
    return list(zip(stored, directions, strict=True))


def _direction(structure: Structure, random: np.random.Generator) -> NDArray[np.float64]:
    drawn = random.normal(size=(len(structure), 3))
    return np.asarray(drawn / np.linalg.norm(drawn))


def _answers(pool: LabelPool, structures: list[Structure], theory: Theory, progress: Progress, *, done: int) -> Answers:
    answers: Answers = {}
    for count, outcome in enumerate(pool.label(structures, theory=theory), start=done + 1):
        answers[structures[outcome.index].key] = outcome.answer
        progress.update(count)
    return answers


def _inconsistency(
    middle: Label, direction: NDArray[np.float64], before: Label | LabelFailure, after: Label | LabelFailure
) -> float | None:
    if not (isinstance(before, Label) and isinstance(after, Label)):
        return None
    forces = before.forces + 4 * middle.forces + after.forces
    return float((after.energy - before.energy + STEP / 3 * (forces * direction).sum()) / (2 * STEP))


def _noise(pairs: list[tuple[Label, Label]]) -> tuple[float | None, float | None, float | None, float | None]:
    if not pairs:
        return None, None, None, None
    energies = np.asarray([other.energy - label.energy for label, other in pairs])
    forces = np.concatenate([(other.forces - label.forces).reshape(-1) for label, other in pairs])
    spread = float(energies.std()) if len(pairs) > 1 else None
    return float(energies.mean()), spread, float(np.sqrt((forces**2).mean())), float(np.abs(forces).max())
