"""What the tracker is told: comparison > strategy > seed, with the number of labels as the step of every curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, final

from reactal.chem import Frames
from reactal.comparison.chain import Chain
from reactal.comparison.outcome import Comparison
from reactal.comparison.records import ALL, Errors, RoundRecord, Rounds, chain_prefix
from reactal.store.objects import ObjectStore
from reactal.store.opening import url_below
from reactal.tracking.base import DatasetRef, DatasetTracker, Tracker

__all__ = ["Listener", "Shown"]


class Listener(Tracker, DatasetTracker, Protocol):
    """A tracker that knows data sets, too."""


@final
@dataclass(frozen=True)
class Shown:
    """Runs below one of this name. The names of the numbers are the same in every run, so that MLflow lays them side by side.

    `place` tells trackers apart; `arrived` waits for what was told, and says whether all of it is there: only then is it not
    told again.
    """

    tracker: Listener
    objects: ObjectStore
    name: str
    place: str
    arrived: Callable[[], bool]
    _told: list[tuple[Rounds, int]] = field(default_factory=list)

    def begin(self, chains: Sequence[Chain]) -> None:
        """The comparison's own run."""
        plan = chains[0].plan
        self.tracker.open_run((self.name,), tags={"comparison": chains[0].digest}, params=plan.told())

    def material(self, digest: str, **sets: Frames) -> None:
        """What was chosen from, and what was tested on."""
        run = self.tracker.open_run((self.name,), tags={}, params={})
        url = url_below(self.objects.url, f"comparisons/{digest}/material.json")
        for what, frames in sets.items():
            name = f"{self.name} {what}"
            self.tracker.use_dataset(run, DatasetRef(name, digest, url, len(frames), len(frames.numbers), what))

    def chain(self, chain: Chain, records: Sequence[RoundRecord]) -> None:
        """A chain that is finished; what was told before is not told again."""
        kept = Rounds(self.objects, chain_prefix(chain.digest, chain.strategy, chain.seed), first=1)
        if kept.is_told(records[-1].round, self.place):
            return
        run = self.tracker.open_run((self.name, chain.strategy, f"seed {chain.seed}"), tags=_tags(chain), params=_params(chain))
        series: dict[str, list[tuple[int, float]]] = {}
        for record in records:
            numbers = {name: value for region, errors in record.errors.items() for name, value in _named(region, errors).items()}
            spent = {"train_seconds": record.train_seconds, "choose_seconds": record.choose_seconds}
            for name, value in {**numbers, **spent}.items():
                series.setdefault(name, []).append((record.labels, value))
        self.tracker.log(run, series=series)
        self.tracker.close_run(run, ok=True)
        self._told.append((kept, records[-1].round))

    def conclude(self, comparison: Comparison) -> None:
        """Means over seeds in each strategy's run, and what it costs against random."""
        for name in comparison.strategies:
            run = self.tracker.open_run((self.name, name), tags={"strategy": name}, params={"strategy": name})
            series = {
                _metric(curve.metric, curve.region): [
                    (labels, point.mean)
                    for labels, point in zip(curve.labels, curve.points, strict=True)
                    if point.mean is not None
                ]
                for curve in comparison.curves
                if curve.strategy == name
            }
            self.tracker.log(run, series=series, metrics=_verdicts(comparison, name))
            self.tracker.close_run(run, ok=True)

    def files(self, files: Mapping[str, Path]) -> None:
        """The figure, the table and the numbers beside the comparison's own run; the last that is told."""
        run = self.tracker.open_run((self.name,), tags={}, params={})
        self.tracker.log(run, files=files)
        self.tracker.close_run(run, ok=True)
        if self._told and self.arrived():
            for kept, number in self._told:
                kept.tell(number, self.place)
            self._told.clear()


def _tags(chain: Chain) -> dict[str, str]:
    return {"strategy": chain.strategy, "seed": str(chain.seed), "comparison": chain.digest}


def _params(chain: Chain) -> dict[str, Any]:
    return {**chain.plan.told(), "strategy": chain.strategy, "seed": chain.seed}


def _named(region: str, errors: Errors) -> dict[str, float]:
    numbers = {"force_mae": errors.force_mae, "energy_mae": errors.energy_mae, "worst_force": errors.worst_force}
    return {_metric(name, region): value for name, value in numbers.items() if math.isfinite(value)}


def _metric(name: str, region: str) -> str:
    return name if region == ALL else f"{name}/{region}"


def _verdicts(comparison: Comparison, strategy: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for verdict in comparison.verdicts:
        if verdict.strategy == strategy:
            numbers = {
                "labels_ratio": verdict.labels_ratio.mean,
                "labels_ratio_low": verdict.labels_ratio.low,
                "labels_ratio_high": verdict.labels_ratio.high,
                "area": verdict.area.mean,
            }
            where = _metric(verdict.metric, verdict.region)
            found.update({f"{name}/{where}": value for name, value in numbers.items() if value is not None})
    return found
