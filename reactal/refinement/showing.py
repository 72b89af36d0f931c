"""A night in MLflow: campaign > night, in an experiment of its own, by the names that campaigns and comparisons use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from reactal.refinement.decide import NightState
from reactal.refinement.events import Outcome
from reactal.refinement.reporting import night_metrics
from reactal.refinement.scene import Scene
from reactal.store.opening import url_below
from reactal.tracking.base import DatasetRef, DatasetTracker, RunRef, Tracker

__all__ = ["Told", "begin", "conclude"]


class Told(Tracker, DatasetTracker, Protocol):
    """A tracker that knows data sets, too."""


def begin(tracker: Tracker, scene: Scene, state: NightState) -> RunRef:
    """The night's run; the same one after every restart."""
    config, opened = scene.bench.config, state.opened
    assert opened is not None
    tags = {"campaign": config.name, "theory": scene.bench.theory.name, "store": config.store}
    tracker.open_run((config.name,), tags=tags, params={})
    plan = {f"plan.{name}": value for name, value in opened.plan.model_dump().items()}
    params = {"night": opened.night, "champion": opened.champion, **plan}
    return tracker.open_run((config.name, opened.night), tags={**tags, "night": opened.night}, params=params)


def conclude(tracker: Told, scene: Scene, state: NightState, files: Mapping[str, Path]) -> None:
    """Numbers at the number of labels spent by then, data sets, the report; in the campaign's run the champion's curve."""
    opened, concluded = state.opened, state.concluded
    assert opened is not None and concluded is not None
    run, labels = begin(tracker, scene, state), opened.labels_before + state.asked
    numbers = night_metrics(state.judged.groups) if state.judged else {}
    spent = {"labels": state.asked, "labels_failed": state.failed, "core_hours": state.core_seconds / 3600.0}
    spent |= {"wall_seconds": state.seconds, "candidates": state.gathered.candidates if state.gathered else 0}
    tracker.log(
        run,
        metrics=spent,
        series={name: [(labels, value)] for name, value in numbers.items()},
        files=files,
        tags={"outcome": str(concluded.outcome), "why": concluded.why, "champion": concluded.champion},
    )
    _datasets(tracker, run, scene, state)
    tracker.close_run(run, ok=concluded.outcome is not Outcome.HALTED)
    _curve(tracker, scene, numbers, labels, promoted=concluded.outcome is Outcome.PROMOTED)


def _curve(tracker: Tracker, scene: Scene, numbers: Mapping[str, float], labels: int, *, promoted: bool) -> None:
    root = tracker.open_run((scene.bench.config.name,), tags={}, params={})
    own = {name: value for name, value in numbers.items() if not name.startswith(("champion_", "change_"))}
    curve = own if promoted else {name: numbers[f"champion_{name}"] for name in own}
    tracker.log(root, series={name: [(labels, value)] for name, value in curve.items()})
    tracker.close_run(root, ok=True)


def _datasets(tracker: DatasetTracker, run: RunRef, scene: Scene, state: NightState) -> None:
    name, objects = scene.bench.config.name, scene.bench.objects
    assert state.opened is not None
    sets = [*state.opened.tests, *(state.kept.frozen if state.kept else ())]
    atoms = len(scene.ends.reactant)
    if state.kept is not None:
        version, rows = state.kept.dataset, state.kept.rows
        url = url_below(objects.url, f"datasets/{name}/versions/{version}.json")
        tracker.use_dataset(run, DatasetRef(f"{name}@{version}", f"v{version}", url, rows, rows * atoms, "training"))
    for one in sets:
        url = url_below(objects.url, f"campaigns/{name}/pools/{one.sha256}.parquet")
        tracker.use_dataset(run, DatasetRef(f"{name} test {one.name}", one.sha256, url, one.rows, one.rows * atoms, "test"))
