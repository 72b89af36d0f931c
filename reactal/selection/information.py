"""Information that labels would add: about the weights of the last layer, or about which member of the committee is right.

Both are log-determinants, sums of gains that shrink with everything chosen (submodular): the greedy batch has at least 63 % of
the best one's information (Nemhauser, Wolsey, Fisher, Math. Program. 14, 265 (1978)). Of a large pool each pick looks only at a
random part of it, so large that the batch loses at most SLACK of that on average (Mirzasoleiman et al., AAAI 29, 1812 (2015)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import ConfigError
from reactal.potentials.last_layer import LastLayerPosterior
from reactal.selection.base import Candidates, Known, Round
from reactal.selection.choosers import shortlisted
from reactal.selection.doubt import member_information

__all__ = ["BatchDisagreement", "Informative", "LastLayerInformation"]

SLACK = 0.05
EXACT_UP_TO = 50_000  # candidates; up to here every pick looks at all

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Informative:
    """D-optimality: nats that a label adds on the last layer's weights, 1/2 log(1 + x · A⁻¹ x), A the information there is."""

    ridge: float = 1.0

    needs: ClassVar[tuple[str, ...]] = ("last_layer",)

    def __post_init__(self) -> None:
        _positive(self.ridge, "ridge")

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        assert candidates.last_layer is not None
        posterior = LastLayerPosterior(candidates.last_layer, known.last_layer, ridge=self.ridge)
        return np.asarray(0.5 * np.log1p(posterior.variances(candidates.last_layer)))


@final
@dataclass(frozen=True)
class LastLayerInformation:
    """The batch that tells most about the last layer's weights, greedily; among the `shortlist` times `count` of highest score,
    or all (0). With `per_cost`, information per core-second."""

    ridge: float = 1.0
    shortlist: int = 0
    per_cost: bool = False

    needs: ClassVar[tuple[str, ...]] = ("last_layer",)

    def __post_init__(self) -> None:
        _positive(self.ridge, "ridge")

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        assert candidates.last_layer is not None
        among = shortlisted(scores, count, times=self.shortlist)
        whole = len(among) == len(candidates)
        points = candidates.last_layer if whole else candidates.last_layer[among]
        posterior = LastLayerPosterior(points, known.last_layer, ridge=self.ridge)
        gain = _WeightGain(points, posterior)
        return among[_greedy(gain, len(points), count, cost=_prices(candidates, among, self.per_cost), rng=rng)]


@final
@dataclass(frozen=True)
class BatchDisagreement:
    """The batch whose answers tell most about which member is right: 1/2 log det(1 + sum of G), after BatchBALD (Kirsch, van
    Amersfoort, Gal, NeurIPS 2019) with Gaussian answers. Members that differ in the same way in two structures make the second
    one superfluous; there are M - 1 ways to differ."""

    noise: float = 0.05
    shortlist: int = 0
    per_cost: bool = False

    needs: ClassVar[tuple[str, ...]] = ("member_outputs",)

    def __post_init__(self) -> None:
        _positive(self.noise, "noise")

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        assert candidates.member_outputs is not None
        among = shortlisted(scores, count, times=self.shortlist)
        gain = _MemberGain(member_information(candidates.member_outputs[among], noise=self.noise))
        return among[_greedy(gain, len(among), count, cost=_prices(candidates, among, self.per_cost), rng=rng)]


class _Gain(Protocol):
    def of(self, rows: Rows | None) -> Floats:
        """Information that each of the rows would add, nats; None: all of them."""

    def take(self, row: int) -> None:
        """One is chosen."""


@final
class _WeightGain:
    def __init__(self, points: Singles, posterior: LastLayerPosterior) -> None:
        self._points, self._posterior = points, posterior
        self._variances: Floats | None = None  # of all, kept up to date once asked for

    def of(self, rows: Rows | None) -> Floats:
        if rows is not None:
            return np.asarray(0.5 * np.log1p(self._posterior.variances(self._points[rows])))
        if self._variances is None:
            self._variances = self._posterior.variances(self._points)
        return np.asarray(0.5 * np.log1p(self._variances))

    def take(self, row: int) -> None:
        if self._variances is not None:
            shared = self._posterior.covariances(self._points, self._points[row])
            self._variances = np.maximum(self._variances - np.square(shared) / (1.0 + max(float(shared[row]), 0.0)), 0.0)
        self._posterior.learn(self._points[row])


@final
class _MemberGain:
    def __init__(self, information: Floats) -> None:
        self._information = information
        self._whole = np.eye(information.shape[1])

    def of(self, rows: Rows | None) -> Floats:
        some = self._information if rows is None else self._information[rows]
        return np.asarray(0.5 * (np.linalg.slogdet(self._whole + some)[1] - np.linalg.slogdet(self._whole)[1]))

    def take(self, row: int) -> None:
        self._whole = self._whole + self._information[row]


def _greedy(gain: _Gain, n: int, count: int, *, cost: Floats | None, rng: np.random.Generator) -> Rows:
    """Pick after pick, the one that adds most of those looked at."""
    count = min(count, n)
    free = np.ones(n, dtype=bool)
    part = None if n <= EXACT_UP_TO else math.ceil(n / max(count, 1) * math.log(1.0 / SLACK))
    chosen: list[int] = []
    while len(chosen) < count:
        rows = None if part is None else rng.integers(0, n, part)
        gains = gain.of(rows) if cost is None else gain.of(rows) / (cost if rows is None else cost[rows])
        gains[~(free if rows is None else free[rows])] = -np.inf
        best = int(np.argmax(gains)) if rows is None else int(rows[np.argmax(gains)])
        if not free[best]:  # a lot of nothing but chosen ones
            continue
        gain.take(best)
        free[best] = False
        chosen.append(best)
    return np.asarray(chosen, dtype=np.int64)


def _prices(candidates: Candidates, among: Rows, wanted: bool) -> Floats | None:
    if not wanted:
        return None
    candidates.require(("cost",), asked_by="information per core-second")
    assert candidates.cost is not None
    return np.maximum(candidates.cost[among], np.finfo(float).tiny)


def _positive(value: float, name: str) -> None:
    if not value > 0:
        raise ConfigError(f"{name} must be positive, not {value}")
