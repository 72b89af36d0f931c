"""What the tracker is told after each event: campaign > iteration > member."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from reactal.campaign.events import Calibrated, Event, Explored, Finished, Labelled, Outcome, Started, Trained
from reactal.campaign.state import CampaignState
from reactal.chem import Structure
from reactal.stages.bench import Bench
from reactal.stages.forgetting import forgotten
from reactal.store.opening import url_below
from reactal.tracking.base import DatasetRef, DatasetTracker, RunRef, Tracker
from reactal.tracking.models import MODEL_TAG, ModelRegistry

__all__ = ["campaign_run", "example_row", "lineage", "publish", "track"]


class Publisher(Tracker, ModelRegistry, DatasetTracker, Protocol):
    """A tracker that keeps models and knows data sets, too."""


def campaign_run(tracker: Tracker, bench: Bench) -> RunRef:
    """The campaign's own run; the same one after every restart."""
    config = bench.config
    reactant, _ = config.ends
    tags = {"campaign": config.name, "formula": reactant.formula, "theory": bench.theory.name, "store": config.store}
    params: dict[str, Any] = {key: value for key, value in config.science().items() if key not in ("reactant", "product")}
    return tracker.open_run((config.name,), tags=tags, params=params)


def track(tracker: Publisher, bench: Bench, event: Event, state: CampaignState) -> None:
    """Show one event. Curves of the campaign run have the number of labels as their step."""
    root = campaign_run(tracker, bench)
    labels = state.labels_asked
    match event:
        case Started():
            tracker.log(root, tags={"config": event.config})
        case Trained():
            _trained(tracker, bench, event, state)
            if root:  # where nothing is tracked, nothing need be measured
                _forgotten(tracker, bench, root, state)
        case Labelled():
            tracker.log(root, series=_curves(event, labels), tags={"dataset": str(event.dataset), "journal": str(state.events)})
            _dataset(tracker, bench, root, event)
            _close_iteration(tracker, bench, event, state)
        case Calibrated():
            tracker.log(root, series=_numbers(labels, trust_disagreement=event.trust, calibration_factor=event.factor))
        case Explored():
            tracker.log(root, series=_numbers(labels, band_barrier_kcal=event.band_barrier_kcal))
        case Finished():
            tracker.log(
                root, tags={"outcome": str(event.outcome)}, metrics={"labels": labels, "wall_seconds": state.wall_seconds}
            )
            tracker.close_run(root, ok=True)
        case _:
            return


def publish(tracker: Publisher, bench: Bench, state: CampaignState, *, report: Mapping[str, Path], model: Path) -> None:
    """The report beside the campaign's run, and the model in the registry: champion where its barrier was verified."""
    root = campaign_run(tracker, bench)
    files = {"report": report["report.html"], "numbers": report["report.json"]}
    cards = {name.removesuffix(".md"): path for name, path in report.items() if name.endswith(".md")}
    drawn = [path for name, path in report.items() if name.startswith("figures/")]
    tracker.log(root, files={**files, **cards, **({"figures": drawn[0].parent} if drawn else {})})
    alias = "champion" if state.outcome is Outcome.VERIFIED else "challenger"
    assert state.trained is not None  # there is a model to publish
    more = {"outcome": str(state.outcome), "labels": str(state.labels_asked)}
    tags = lineage(bench, state.trained.model, dataset=state.trained.dataset, **more)
    example = example_row(bench.config.ends[0])
    tracker.register(root, name=bench.config.name, folder=model, alias=alias, tags=tags, example=example)
    tracker.close_run(root, ok=True)  # what was logged after its end had opened it again


def lineage(bench: Bench, model: str, *, dataset: int | None, **more: str) -> dict[str, str]:
    """Tags of a registered model: what it is and where it comes from."""
    import reactal

    found = {
        MODEL_TAG: model,
        "campaign": bench.config.name,
        "dataset": "" if dataset is None else str(dataset),
        "theory": bench.theory.name,
        "theory_fingerprint": bench.theory.fingerprint,
        "reactal": reactal.__version__,
        "store": bench.config.store,
        **more,
    }
    return {name: value for name, value in found.items() if value}


def example_row(structure: Structure) -> dict[str, Any]:
    """A row that a registered model answers."""
    return {
        "numbers": list(structure.numbers),
        "positions": structure.positions.tolist(),
        "charge": structure.charge,
        "multiplicity": structure.multiplicity,
    }


def _iteration_run(tracker: Tracker, bench: Bench, iteration: int, state: CampaignState) -> RunRef:
    tags = {"dataset": str(state.dataset), "journal": str(state.events)}
    return tracker.open_run((bench.config.name, f"iteration {iteration}"), tags=tags, params={"iteration": iteration})


def _trained(tracker: Tracker, bench: Bench, event: Trained, state: CampaignState) -> None:
    run = _iteration_run(tracker, bench, event.iteration, state)
    tracker.log(
        run, metrics={"rows": event.rows, "restarts": event.restarts, "train_seconds": event.seconds}, tags={"model": event.model}
    )
    for number, mae in enumerate(event.force_mae):
        path = (bench.config.name, f"iteration {event.iteration}", f"member {number}")
        member = tracker.open_run(path, tags={"model": event.model}, params={"member": number})
        curve = event.curves[number] if number < len(event.curves) else ()
        tracker.log(
            member,
            metrics={} if math.isnan(mae) else {"held_out_force_mae": mae},
            series={"validation_loss": [(step, loss) for step, loss in curve]},
        )
        tracker.close_run(member, ok=True)


def _forgotten(tracker: Tracker, bench: Bench, root: RunRef, state: CampaignState) -> None:
    """What the training made of what was known before, in its iteration and as a curve of the campaign."""
    found = forgotten(bench, state, len(state.trainings) - 1)
    numbers = _numbers(
        state.labels_asked,
        old_force_mae=found.old,
        new_force_mae=found.new,
        hybrid_force_mae=found.hybrid,
        forgetting_ratio=found.ratio,
    )
    tracker.log(root, series=numbers)
    run = _iteration_run(tracker, bench, found.iteration, state)
    tracker.log(run, metrics={name: points[0][1] for name, points in numbers.items()})


def _close_iteration(tracker: Tracker, bench: Bench, event: Labelled, state: CampaignState) -> None:
    """The labels that judge a model close its iteration."""
    if event.iteration == 0:
        return
    run = _iteration_run(tracker, bench, event.iteration - 1, state)
    tracker.log(run, metrics={name: points[0][1] for name, points in _curves(event, 0).items()})
    tracker.close_run(run, ok=True)


def _dataset(tracker: DatasetTracker, bench: Bench, root: RunRef, event: Labelled) -> None:
    name, version = bench.config.name, event.dataset
    url = url_below(bench.objects.url, f"datasets/{name}/versions/{version}.json")
    atoms = event.rows * len(bench.config.ends[0])
    tracker.use_dataset(root, DatasetRef(f"{name}@{version}", f"v{version}", url, event.rows, atoms, "training"))


def _curves(event: Labelled, labels: int) -> dict[str, list[tuple[int, float]]]:
    arm = [point.force_mae for point in event.arm]
    saddle = event.saddle
    return _numbers(
        labels,
        random_arm_force_mae=sum(arm) / len(arm) if arm else None,
        force_mae=sum(arm) / len(arm) if arm else None,  # by the name that comparisons and nights have for it
        barrier_model_kcal=saddle.model_kcal if saddle else None,
        barrier_reference_kcal=saddle.reference_kcal if saddle else None,
        barrier_error_kcal=saddle.error_kcal if saddle else None,
        saddle_force_max=saddle.force_max if saddle else None,
        labels_failed=float(event.failed),
        dataset_rows=float(event.rows),
    )


def _numbers(step: int, **values: float | None) -> dict[str, list[tuple[int, float]]]:
    return {name: [(step, float(value))] for name, value in values.items() if value is not None and math.isfinite(value)}
