"""Potentials from MLflow's registry, by URI: `models:/sn2@champion` or `models:/sn2/3`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from reactal.errors import InputError, TrackerUnavailable

__all__ = ["REGISTRY", "fetch_registered"]

REGISTRY = "models:/"


def fetch_registered(uri: str, *, tracker: str | None = None) -> dict[str, bytes]:
    """The files of the potential that is registered there; MLflow is asked at `tracker`, else at MLFLOW_TRACKING_URI."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.utils.models import get_model_name_and_version

    where = tracker or mlflow.get_tracking_uri()
    client = mlflow.MlflowClient(tracking_uri=where, registry_uri=tracker)
    with tempfile.TemporaryDirectory(prefix="reactal-model-") as scratch:
        try:
            name, version = get_model_name_and_version(client, uri)
            source = client.get_model_version_download_uri(name, version)
            folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=scratch, tracking_uri=where))
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
                raise InputError(
                    f"there is no {uri} in MLflow's registry at {where}; set MLFLOW_TRACKING_URI to the tracker of the campaign, "
                    "or look for the name and alias on MLflow's page"
                ) from error
            raise TrackerUnavailable(f"MLflow at {where} does not give {uri} ({error}); is it there?") from error
        found = next(folder.rglob("model.json"), None)
        if found is None:
            raise InputError(f"{uri} is a model of another program: it has no model.json of reactal's")
        return {file.name: file.read_bytes() for file in found.parent.iterdir() if file.is_file()}
