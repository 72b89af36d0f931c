"""What choosing has saved against drawing lots, estimated while a campaign runs.

Nobody labels a second campaign at random beside the first one. But the random arm is a small one, and its labels are there: a
Gaussian process on distances learns the energies from the seed and half of the random arm, and from the seed and as many chosen
structures as it takes to be as good on the other half. That is an estimate: of energies, by another learner than the committee,
at the size of half a random arm. Half-samples have the spread of the whole sample's estimate (McCarthy, Rev. Int. Stat. Inst. 37,
239 (1969)), so their percentiles are its interval.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.selection.batch import RANDOM
from reactal.selection.descriptors import describe
from reactal.selection.nearest import centred, squared

__all__ = ["SEED", "Saved", "labels_saved"]

SEED = "seed"
FEWEST = 8  # random labels, and chosen ones, from which an estimate is made
SPLITS = 60
UNTOLD = 0.5  # of the splits: from here on the median would be an edge of what was tried
SAME = 1e-3  # of the spread of the energies: errors that differ by less do not differ
MOST = 1000  # chosen labels, the first ones, and half as many random ones, that are looked at: what 250 random ones taught, fewer
#   chosen ones teach, or choosing is of little use
STEPS = 8  # sizes of the chosen part at which its error is worked out
NOISE = 1e-6  # of the energies' variance

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Saved:
    """Labels that drawing lots would have needed for what `chosen` labels taught, with a 95 % interval; all three None while
    there are too few, or while what was drawn teaches so little beyond the seed that there is nothing to compare with. A bound
    that is only known to lie beyond what was tried stands at that edge."""

    chosen: int
    drawn: int
    random_would_need: float | None = None
    low: float | None = None
    high: float | None = None

    def scaled(self, chosen: int, drawn: int) -> Saved:
        """The same for more labels, of which these were looked at."""
        more = chosen / max(self.chosen, 1)
        need, low, high = (None if value is None else more * value for value in (self.random_would_need, self.low, self.high))
        return replace(self, chosen=chosen, drawn=drawn, random_would_need=need, low=low, high=high)


def labels_saved(dataset: Frames, *, seed: int = 0) -> Saved:
    """From the labelled rows of a campaign, whose column `arm` says how each came to be labelled, in the order of labelling."""
    arm = np.asarray(dataset.extra["arm"]) if len(dataset) else np.zeros(0, dtype=str)
    drawn, first = np.flatnonzero(arm == RANDOM), np.flatnonzero(arm == SEED)
    chosen = np.flatnonzero((arm != RANDOM) & (arm != SEED))
    if min(len(drawn), len(chosen)) < FEWEST:
        return Saved(len(chosen), len(drawn))
    if len(chosen) > MOST or len(drawn) > MOST // 2:
        some = labels_saved(dataset[np.sort(np.concatenate([first, drawn[: MOST // 2], chosen[:MOST]]))], seed=seed)
        return some.scaled(len(chosen), len(drawn))
    kernel, energy, rng = _kernel(dataset), dataset.energy - dataset.energy.mean(), np.random.default_rng(seed)
    sizes = np.unique(np.linspace(0, len(chosen), STEPS + 1).astype(np.int64))
    parts = [np.concatenate([first, chosen[:size]]) for size in sizes]
    taught = [_weights(kernel, energy, part) for part in parts]  # the same in every split; the largest take the time
    ratios = []
    for _ in range(SPLITS):
        order = rng.permutation(drawn)
        test, learnt = order[: len(order) // 2], order[len(order) // 2 :]
        lots = np.concatenate([first, learnt])
        goal = _error(kernel, energy, lots, _weights(kernel, energy, lots), test) + SAME * float(energy.std())
        errors = [_error(kernel, energy, part, weights, test) for part, weights in zip(parts, taught, strict=True)]
        ratios.append(_reached(sizes, np.minimum.accumulate(errors), goal) / len(learnt))
    if np.mean(np.equal(ratios, 0)) >= UNTOLD:
        return Saved(len(chosen), len(drawn))
    need = len(chosen) / np.maximum(ratios, 0.5 / (len(drawn) - len(drawn) // 2))
    low, middle, high = np.quantile(need, [0.025, 0.5, 0.975])
    return Saved(len(chosen), len(drawn), float(middle), float(low), float(high))


def _reached(sizes: Rows, errors: Floats, goal: float) -> float:
    """How many chosen labels (at most all) bring the error down to the goal; errors never rise. None
    where the seed alone reaches it, which says nothing about a label more."""
    if errors[-1] > goal:
        return float(sizes[-1])
    after = int(np.argmax(errors <= goal))
    if after == 0:
        return 0.0
    part = (errors[after - 1] - goal) / max(errors[after - 1] - errors[after], 1e-300)
    return max(0.5, float(sizes[after - 1] + part * (sizes[after] - sizes[after - 1])))


def _weights(kernel: Floats, energy: Floats, learnt: Rows) -> Floats:
    """Of a Gaussian process on the rows that it learns from."""
    if not len(learnt):
        return np.zeros(0)
    inner = kernel[np.ix_(learnt, learnt)] + NOISE * np.eye(len(learnt))
    return np.asarray(np.linalg.solve(inner, energy[learnt] - energy[learnt].mean()))


def _error(kernel: Floats, energy: Floats, learnt: Rows, weights: Floats, test: Rows) -> float:
    """Root mean square error (eV) on the test rows."""
    if not len(learnt):
        return float(np.sqrt(np.square(energy[test]).mean()))
    missed = kernel[np.ix_(test, learnt)] @ weights + energy[learnt].mean() - energy[test]
    return float(np.sqrt(np.square(missed).mean()))


def _kernel(dataset: Frames) -> Floats:
    """Gaussian, of the inverse distances, as wide as the median pair is apart."""
    points, _ = describe(dataset, dataset[:0])
    (points,) = centred(points)
    apart = squared(points, points).astype(np.float64)
    between = apart[np.triu_indices(len(apart), 1)]
    typical = float(np.median(between)) if len(between) else 1.0
    return np.asarray(np.exp(-apart / (2.0 * max(typical, 1e-12))))
