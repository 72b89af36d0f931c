"""From what was measured to a verdict for each goal of the campaign file's section `validation`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reactal.sections import Goals
from reactal.validation.accuracy import Comparison, Errors
from reactal.validation.base import Outcome

__all__ = [
    "LEAST",
    "STRAINED",
    "accuracy_outcomes",
    "barrier_outcome",
    "coverage_outcome",
    "frequency_outcome",
    "stability_outcome",
]

LEAST = 5  # structures; fewer say nothing about a mean
STRAINED = "strained"  # the word for such a structure among the regions
MEV = 1e3


def accuracy_outcomes(
    comparison: Comparison, regions: NDArray[np.str_] | None, goals: Goals, *, unseen: bool
) -> tuple[Outcome, ...]:
    """Energies, forces, correlation, strained structures. `unseen`: the model was not trained on these structures."""
    found = comparison.errors()
    on = f"{found.structures} labelled structures" + (" that the model was not trained on" if unseen else "")
    if found.structures < LEAST:
        return untestable_accuracy(goals, f"there are only {on}, and {LEAST} are needed")
    zero = ", less their median error for each composition" if comparison.relative else ""
    return (
        Outcome.judged(
            "energies",
            "Energies",
            value=MEV * found.energy_mae,
            limit=MEV * goals.energy,
            unit="meV/atom",
            why=f"mean absolute error of {on}{zero}; the largest is {MEV * found.energy_max:.1f}",
        ),
        Outcome.judged(
            "forces",
            "Forces",
            value=MEV * found.force_mae,
            limit=MEV * goals.force,
            unit="meV/Å",
            why=f"mean absolute error of the components on {on}; the largest of an atom is {MEV * found.force_max:.0f}",
        ),
        _correlation(found, goals, on),
        _strained(comparison, regions, goals),
    )


def _correlation(found: Errors, goals: Goals, on: str) -> Outcome:
    why = f"of force components on {on}; mean cosine {found.cosine:.3f}"
    value, limit = found.correlation, goals.correlation
    return Outcome.judged("correlation", "Forces' direction", value=value, limit=limit, unit="", why=why, least=True)


def _strained(comparison: Comparison, regions: NDArray[np.str_] | None, goals: Goals) -> Outcome:
    limit = MEV * goals.force * goals.strained
    title, unit, goal = "Strained structures", "meV/Å", f"at most {limit:g} meV/Å"
    rows = None if regions is None else regions == STRAINED
    if rows is None:
        why = "the ends of the reaction are not known here, so nothing can be called strained"
        return Outcome.untestable("strained", title, goal=goal, unit=unit, why=why)
    if rows.sum() < LEAST:
        why = f"only {int(rows.sum())} labelled structures are strained, and {LEAST} are needed"
        return Outcome.untestable("strained", title, goal=goal, unit=unit, why=why)
    found = comparison.errors(rows)
    why = f"mean absolute force error of {found.structures} structures with a bond stretched or pressed by a tenth"
    return Outcome.judged("strained", title, value=MEV * found.force_mae, limit=limit, unit=unit, why=why)


def untestable_accuracy(goals: Goals, why: str) -> tuple[Outcome, ...]:
    """All goals of accuracy, for one reason."""
    limits = (
        ("energies", "Energies", f"at most {MEV * goals.energy:g} meV/atom", "meV/atom"),
        ("forces", "Forces", f"at most {MEV * goals.force:g} meV/Å", "meV/Å"),
        ("correlation", "Forces' direction", f"at least {goals.correlation:g}", ""),
        ("strained", "Strained structures", f"at most {MEV * goals.force * goals.strained:g} meV/Å", "meV/Å"),
    )
    return tuple(Outcome.untestable(name, title, goal=goal, unit=unit, why=why) for name, title, goal, unit in limits)


def coverage_outcome(covered: int, points: int, *, promised: float | None, goals: Goals) -> Outcome:
    """How often the error stayed below its bound, on structures that had no part in making it."""
    title = "Error bounds"
    if promised is None or points < LEAST:
        why = "the model carries no calibrated bound" if promised is None else f"only {points} structures can be held against it"
        return Outcome.untestable("coverage", title, goal=f"at most {goals.coverage_gap:g} short", unit="", why=why)
    least = round(promised - goals.coverage_gap, 10)
    why = f"{covered} of {points} force errors stayed below their bound, which promises {promised:.0%}"
    return Outcome.judged("coverage", title, value=covered / points, limit=least, unit="", why=why, least=True)


def barrier_outcome(errors: Sequence[tuple[str, float]], failed: Sequence[str], goals: Goals) -> Outcome:
    """errors: (reaction, largest error of forward, reverse, reaction energy; kcal/mol); failed: sentences, one a reaction."""
    title, unit, goal = "Barriers", "kcal/mol", f"at most {goals.barrier:g} kcal/mol"
    if not errors:
        why = failed[0] if failed else "no reaction has a reference energy at its saddle"
        return Outcome.untestable("barriers", title, goal=goal, unit=unit, why=why)
    name, worst = max(errors, key=lambda pair: abs(pair[1]))
    mean = float(np.mean([abs(error) for _, error in errors]))
    why = f"the largest error of {len(errors)} reaction{'s'[: len(errors) > 1]}, of {name}; the mean is {mean:.2f}"
    found = Outcome.judged("barriers", title, value=abs(worst), limit=goals.barrier, unit=unit, why=why)
    return replace(found, evidence=tuple(failed))


def frequency_outcome(errors: Sequence[float], goals: Goals, *, missing: str) -> Outcome:
    """errors: of every frequency, cm^-1; `missing` says what there is none for."""
    title, unit, limit = "Frequencies", "cm⁻¹", goals.frequency
    if not errors:
        return Outcome.untestable("frequencies", title, goal=f"at most {limit:g} {unit}", unit=unit, why=missing)
    sizes = np.abs(np.asarray(errors))
    why = f"mean absolute error of {len(sizes)} frequencies; the largest is {sizes.max():.0f}"
    return Outcome.judged("frequencies", title, value=float(sizes.mean()), limit=limit, unit=unit, why=why)


def stability_outcome(lasted_fs: Sequence[float], goals: Goals, *, ran_fs: float, endings: str) -> Outcome:
    """lasted_fs: of each run, how long it stayed physical; `ran_fs`: how long a run that stays so was followed."""
    title, name = "Dynamics", "stability"
    goal = f"at least {goals.stable_share:.0%} of runs last {goals.stable_fs:g} fs"
    if not lasted_fs or ran_fs < goals.stable_fs:
        why = "no dynamics was run" if not lasted_fs else f"runs were followed for {ran_fs:g} fs only"
        return Outcome.untestable(name, title, goal=goal, unit="", why=why)
    share = float(np.mean(np.asarray(lasted_fs) >= goals.stable_fs - 1e-6))
    why = f"{share:.0%} of {len(lasted_fs)} runs stayed physical for {goals.stable_fs:g} fs; {endings}"
    found = Outcome.judged(name, title, value=share, limit=goals.stable_share, unit="", why=why, least=True)
    return replace(found, goal=goal)
