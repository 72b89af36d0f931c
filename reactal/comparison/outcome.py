"""What a comparison came to, as values: the curves of each strategy, and each of them against random."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np

from reactal.comparison.curves import Interval, area, equal_error_ratio, interval, labels_to_reach, ratio_interval
from reactal.comparison.records import ALL, RoundRecord

__all__ = ["METRICS", "Comparison", "Curve", "Verdict", "compared"]

METRICS: Mapping[str, str] = {"force_mae": "eV/Å", "energy_mae": "eV"}
Chains = Mapping[tuple[str, int], Sequence[RoundRecord]]  # by strategy and seed


@final
@dataclass(frozen=True)
class Curve:
    """Of one strategy, metric and region: the mean over seeds at each number of labels, with its interval."""

    strategy: str
    metric: str
    region: str
    labels: tuple[int, ...]
    points: tuple[Interval, ...]


@final
@dataclass(frozen=True)
class Verdict:
    """A strategy against `against`, for one metric and region, paired over seeds.

    `labels_ratio`: labels needed over labels the other needs, at the best error that both reach. `saved`: one less that.
    `target`: an error, `to_target`: labels until it, over the `reached` seeds of all that came so far. `area`: mean error over
    the budget, `area_ratio` over the other's. `final`: the error at the end.
    """

    strategy: str
    against: str
    metric: str
    region: str
    labels_ratio: Interval
    saved: Interval
    target: float
    to_target: Interval
    reached: int
    area: Interval
    area_ratio: Interval
    final: Interval


@final
@dataclass(frozen=True)
class Comparison:
    """`seconds`: of wall time in each strategy, training and choosing, mean over seeds."""

    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    regions: Mapping[str, int]
    curves: tuple[Curve, ...]
    verdicts: tuple[Verdict, ...]
    seconds: Mapping[str, Mapping[str, float]]

    def verdict(self, strategy: str, *, metric: str, region: str) -> Verdict:
        """The one of these names."""
        return next(v for v in self.verdicts if (v.strategy, v.metric, v.region) == (strategy, metric, region))

    def curve(self, strategy: str, *, metric: str, region: str) -> Curve:
        """Likewise."""
        return next(c for c in self.curves if (c.strategy, c.metric, c.region) == (strategy, metric, region))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compared(chains: Chains, *, against: str, target: float | None = None) -> Comparison:
    """From all rounds of all chains. `target`: a force error in eV/angstrom; without one, what `against` has at the end."""
    strategies = tuple(dict.fromkeys(name for name, _ in chains))
    seeds = tuple(sorted({seed for _, seed in chains}))
    first = next(iter(chains.values()))[0]
    named = sorted(first.errors, key=lambda name: (name != ALL, name))  # as read from a store they come by name
    regions = {name: first.errors[name].rows for name in named}
    curves, verdicts = [], []
    for region in regions:
        for metric in METRICS:
            if not math.isfinite(getattr(first.errors[region], metric)):
                continue  # the region's labels do not have it
            table = {
                name: np.array([[getattr(r.errors[region], metric) for r in chains[name, seed]] for seed in seeds])
                for name in strategies
            }
            labels = tuple(record.labels for record in chains[strategies[0], seeds[0]])
            aim = target if target is not None and metric == "force_mae" else float(table[against][:, -1].mean())
            for name in strategies:
                points = tuple(interval(column) for column in table[name].T)
                curves.append(Curve(name, metric, region, labels, points))
                verdicts.append(_verdict(name, against, metric, region, labels, table, aim))
    return Comparison(strategies, seeds, regions, tuple(curves), tuple(verdicts), _seconds(chains, strategies, seeds))


def _verdict(
    name: str, against: str, metric: str, region: str, labels: tuple[int, ...], table: Mapping[str, Any], target: float
) -> Verdict:
    pairs = list(zip(table[name].tolist(), table[against].tolist(), strict=True))
    ratios = ratio_interval([equal_error_ratio(labels, ours, peer) for ours, peer in pairs])
    areas = [(area(labels, ours), area(labels, peer)) for ours, peer in pairs]
    needed = [labels_to_reach(labels, ours, target) for ours, _ in pairs]
    return Verdict(
        strategy=name,
        against=against,
        metric=metric,
        region=region,
        labels_ratio=ratios,
        saved=Interval(_less(ratios.mean), _less(ratios.high), _less(ratios.low), ratios.n),
        target=target,
        to_target=interval(needed),
        reached=int(np.isfinite(needed).sum()),
        area=interval([ours for ours, _ in areas]),
        area_ratio=ratio_interval([ours / peer for ours, peer in areas]),
        final=interval([ours[-1] for ours, _ in pairs]),
    )


def _less(value: float | None) -> float | None:
    return None if value is None else 1.0 - value


def _seconds(chains: Chains, strategies: Sequence[str], seeds: Sequence[int]) -> Mapping[str, Mapping[str, float]]:
    def mean(name: str, field: str) -> float:
        return float(np.mean([sum(getattr(record, field) for record in chains[name, seed]) for seed in seeds]))

    return {name: {part: mean(name, f"{part}_seconds") for part in ("train", "choose")} for name in strategies}
