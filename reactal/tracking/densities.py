"""What MLflow is shown of learned densities: a training with its curves, an evaluation with its errors, and their files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reactal.density.settings import DensityRequest

__all__ = ["show_evaluation", "show_training"]


def show_training(uri: str, asked: DensityRequest, result: Mapping[str, Any]) -> None:
    """What `fulfil` gave; the model's folder goes along."""
    series = {
        f"member_{number}.{name}": [(point["step"], point[name]) for point in curve]
        for number, curve in enumerate(result["curves"])
        for name in ("loss", "rho_error")
    }
    numbers = {"energy_error_mha_held_out": result["energy_error_mha_held_out"], "guard_factor": result["guard_factor"]}
    _show(uri, "density training", asked.as_rows(), numbers, files=Path(asked.out), series=series)


def show_evaluation(uri: str, numbers: Mapping[str, Any], *, model: str, dataset: str, files: Path) -> None:
    """A summary's numbers, and the folder with table and figures."""
    _show(uri, "density evaluation", {"model": model, "dataset": dataset}, numbers, files=files)


def _show(
    uri: str, run_name: str, params: Mapping[str, Any], numbers: Mapping[str, Any], *, files: Path, series: Any = None
) -> None:
    from reactal.tracking.mlflow import MlflowTracker

    tracker = MlflowTracker(uri)
    run = tracker.open_run((run_name, files.name), tags={"kind": run_name}, params=dict(params))
    tracker.log(run, metrics=dict(numbers), series=series, files={"density": files})
    tracker.close_run(run, ok=True)
    tracker.close()
