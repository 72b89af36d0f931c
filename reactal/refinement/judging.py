"""Is the challenger better by more than the noise, and worse nowhere that matters? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.refinement.events import Group

__all__ = ["ALL", "BARRIER", "ENERGY", "FORCE", "LEAST_OVERALL", "Paired", "barrier_group", "judged", "verdict"]

Floats = NDArray[np.float64]
Words = NDArray[np.str_]

ALL = "all tests"
FORCE, ENERGY, BARRIER = "force MAE", "energy MAE", "barrier error"
RESAMPLES = 4000
LEAST = 5  # structures in a group; fewer decide nothing, and are shown
LEAST_OVERALL = 8


@final
@dataclass(frozen=True, eq=False)
class Paired:
    """Errors of both models on the same structures (n,): forces in eV/angstrom (mean absolute component of each structure),
    energies in eV an atom."""

    champion_force: Floats
    challenger_force: Floats
    champion_energy: Floats
    challenger_energy: Floats

    def __len__(self) -> int:
        return len(self.champion_force)

    @property
    def finite(self) -> bool:
        """Whether the challenger has an answer everywhere."""
        return bool(np.isfinite(self.challenger_force).all() and np.isfinite(self.challenger_energy).all())


def judged(
    paired: Paired, words: Mapping[str, Words], *, confidence: float, worse: float, rng: np.random.Generator
) -> tuple[Group, ...]:
    """All structures, energies, then each group of each kind of words (n,), such as test sets and regions."""
    everything = np.ones(len(paired), dtype=bool)
    force, energy = (paired.champion_force, paired.challenger_force), (paired.champion_energy, paired.challenger_energy)
    found = [_group(ALL, FORCE, force, everything, confidence=confidence, worse=worse, rng=rng)]
    found.append(_group(ALL, ENERGY, energy, everything, confidence=confidence, worse=worse, rng=rng))
    for kind, column in words.items():
        for word in dict.fromkeys(column.tolist()):
            name = f"{kind} {word}"
            found.append(_group(name, FORCE, force, column == word, confidence=confidence, worse=worse, rng=rng))
    return tuple(found)


def _group(
    name: str,
    metric: str,
    errors: tuple[Floats, Floats],
    rows: NDArray[np.bool_],
    *,
    confidence: float,
    worse: float,
    rng: np.random.Generator,
) -> Group:
    """Structures are resampled with both their errors (paired bootstrap, percentile interval): a structure that is hard for both
    models says nothing of which is better."""
    champion, challenger = errors[0][rows], errors[1][rows]
    difference = challenger - champion
    low = high = None
    if len(difference) >= LEAST and np.isfinite(difference).all():
        drawn = rng.integers(0, len(difference), size=(RESAMPLES, len(difference)))
        tail = (1.0 - confidence) / 2.0
        low, high = (float(value) for value in np.quantile(difference[drawn].mean(axis=1), (tail, 1.0 - tail)))
    mean = float(champion.mean()), float(challenger.mean())
    return Group(
        name=name,
        metric=metric,
        structures=len(difference),
        champion=mean[0],
        challenger=mean[1],
        low=low,
        high=high,
        verdict=_word(mean, low, high, worse=worse),
    )


def _word(mean: tuple[float, float], low: float | None, high: float | None, *, worse: float) -> str:
    if low is None or high is None:
        return "too few"
    if low > 0.0 or mean[1] > (1.0 + worse) * mean[0]:
        return "worse"
    return "better" if high < 0.0 else "alike"


def barrier_group(champion: float, challenger: float, *, slack: float) -> Group:
    """Largest errors of the three heights, kcal/mol, signs dropped."""
    grown = abs(challenger) - abs(champion)
    verdict = "worse" if grown > slack else "better" if grown < -slack else "alike"
    return Group(
        name="barrier",
        metric=BARRIER,
        structures=3,
        champion=abs(champion),
        challenger=abs(challenger),
        verdict=verdict,
    )


def verdict(groups: Sequence[Group], *, finite: bool, confidence: float) -> tuple[bool, str]:
    """Whether to promote, and why in one sentence."""
    overall = groups[0]
    if not finite:
        return False, "the challenger has no finite answer for every test structure"
    if overall.structures < LEAST_OVERALL or overall.low is None or overall.high is None:
        return False, f"only {overall.structures} test structures are new to both models, and {LEAST_OVERALL} are needed"
    change = f"its force MAE is {1e3 * overall.challenger:.1f} meV/Å against {1e3 * overall.champion:.1f}"
    interval = f"change {1e3 * overall.low:+.1f} to {1e3 * overall.high:+.1f} with {confidence:.0%} confidence"
    losses = [group for group in groups if group.verdict == "worse"]
    if overall.high >= 0.0:
        return False, f"the challenger is not better by more than the noise: {change} ({interval})"
    if losses:
        where = "; ".join(f"{group.name}: {group.metric} {_numbers(group)}" for group in losses)
        return False, f"the challenger is better over all ({change}), but worse where it matters: {where}"
    return True, f"the challenger is better by more than the noise: {change} ({interval}), and worse nowhere"


def _numbers(group: Group) -> str:
    if group.metric == BARRIER:
        return f"{group.challenger:.2f} kcal/mol against {group.champion:.2f}"
    unit = "meV/Å" if group.metric == FORCE else "meV/atom"
    return f"{1e3 * group.challenger:.1f} {unit} against {1e3 * group.champion:.1f}"
