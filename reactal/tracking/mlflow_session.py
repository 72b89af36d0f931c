"""One open connection to MLflow. Everything here may be slow or fail; it is called from a thread aside."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
import ssl
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, final

from reactal.errors import TrackerUnavailable
from reactal.tracking.base import DatasetRef
from reactal.tracking.importing import import_mlflow
from reactal.tracking.models import MODEL_TAG, Registered

__all__ = ["MlflowSession", "is_answering", "model_name"]

T = TypeVar("T")

ANSWER_SECONDS = 3.0
LONGEST_VALUE = 500  # characters; what every MLflow store takes
PER_BATCH = 100
METRICS_PER_BATCH = 1000
PATH_TAG, SCOPE_TAG = "reactal.path", "reactal.scope"  # to read
KEY_TAG = "reactal.key"  # to find: a hash of both, because MLflow's filters cannot escape a quote


def is_answering(uri: str) -> None:
    """Raises `TrackerUnavailable` where a server gives no answer at all.

    Asked before every use, because MLflow's own client tries a dead server for minutes.
    """
    if not uri.startswith(("http://", "https://")):
        return
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=ANSWER_SECONDS):  # scheme checked above
            return
    except urllib.error.HTTPError:
        return  # it answers, if only that this page is not for us
    except (OSError, ValueError) as error:
        if isinstance(getattr(error, "reason", None), ssl.SSLError):
            return  # MLflow has its own settings for certificates
        reason = getattr(error, "reason", None) or error
        raise TrackerUnavailable(f"no MLflow server answers at {uri} ({reason}); start it or change tracking.uri") from error


@final
class MlflowSession:
    """Opening a new SQLite file creates MLflow's tables, which takes several seconds."""

    def __init__(self, uri: str, experiment: str, *, scope: str) -> None:
        is_answering(uri)
        self._client = _client(uri)
        self._uri, self._scope = uri, scope
        self._experiment = self._experiment_id(experiment)
        self._ids: dict[tuple[str, ...], str] = {}
        self._running: set[tuple[str, ...]] = set()

    @property
    def experiment_id(self) -> str:
        return self._experiment

    def open_run(self, path: tuple[str, ...], *, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
        """The id of the run at `path`, found by its tag or created, with its parents. One that was closed stays so until
        something is logged to it: looking a finished campaign up does not start it again."""
        run_id = self.run_id(path)
        run = self._client.get_run(run_id)
        self._set_tags(run_id, tags)
        self._set_params(run_id, params, known=run.data.params)
        return run_id

    def run_id(self, path: tuple[str, ...]) -> str:
        """The id of a run that was opened before, here or by another process; opened now if the tracker lost it."""
        if path not in self._ids:
            self._ids[path] = self._find(path) or str(self._create(path).info.run_id)
        return self._ids[path]

    def log(
        self,
        path: tuple[str, ...],
        *,
        metrics: Mapping[str, float],
        series: Mapping[str, Sequence[tuple[int, float]]],
        files: Mapping[str, Path],
        tags: Mapping[str, str],
        at: float | None = None,
    ) -> None:
        """`at`: when it was (seconds), which after an outage is not now."""
        from mlflow.entities import Metric

        run_id, now = self.run_id(path), int((time.time() if at is None else at) * 1000)
        if path not in self._running:
            self._client.update_run(run_id, status="RUNNING")
            self._running.add(path)
        points = [(name, 0, value) for name, value in metrics.items()]
        points += [(name, step, value) for name, curve in series.items() for step, value in curve]
        entries = [Metric(_name(n), float(v), now, int(step)) for n, step, v in points if v is not None and not math.isinf(v)]
        for batch in _batches(entries, METRICS_PER_BATCH):
            self._client.log_batch(run_id, metrics=batch)
        self._set_tags(run_id, tags)
        for folder, file in files.items():
            send = self._client.log_artifacts if file.is_dir() else self._client.log_artifact
            send(run_id, str(file), folder or None)

    def close_run(self, path: tuple[str, ...], *, ok: bool) -> None:
        self._running.discard(path)
        self._client.set_terminated(self.run_id(path), status="FINISHED" if ok else "FAILED")

    def use_dataset(self, path: tuple[str, ...], dataset: DatasetRef) -> None:
        from mlflow.entities import DatasetInput, InputTag

        from reactal.tracking.datasets import described

        tags = [InputTag(key="mlflow.data.context", value=dataset.context)]
        self._client.log_inputs(self.run_id(path), datasets=[DatasetInput(dataset=described(dataset), tags=tags)])

    def register(
        self,
        path: tuple[str, ...],
        *,
        name: str,
        folder: Path,
        alias: str,
        tags: Mapping[str, str],
        example: Mapping[str, Any] | None = None,
    ) -> None:
        """Log the model under the run, make it the next version of `name`, point the alias at it."""
        name = model_name(name)
        if not self._client.search_registered_models(filter_string=f"name = '{name}'", max_results=1):
            self._client.create_registered_model(name, description="A reactive potential made by reactal")
        version = self._version_of(name, tags.get(MODEL_TAG)) or self._new_version(path, name, folder, tags, example)
        self._client.set_registered_model_alias(name, alias, version)

    def registered(self, name: str, alias: str) -> Registered | None:
        """The version behind an alias."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_model_version_by_alias(model_name(name), alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):  # no such model; no such alias
                return None
            raise
        return Registered(str(found.version), dict(found.tags), f"models:/{model_name(name)}/{found.version}", self._uri)

    def _version_of(self, name: str, model: str | None) -> str | None:
        """The version that holds this model already."""
        if model is None:
            return None
        for version in self._client.search_model_versions(f"name = '{name}'"):
            if version.tags.get(MODEL_TAG) == model:
                return str(version.version)
        return None

    def _new_version(
        self, path: tuple[str, ...], name: str, folder: Path, tags: Mapping[str, str], example: Mapping[str, Any] | None
    ) -> str:
        from reactal.tracking.packaging import package

        run_id = self.run_id(path)
        with tempfile.TemporaryDirectory(prefix="reactal-model-") as scratch:
            model = Path(scratch) / "model"
            package(folder, model, example=example)
            place = f"model-{tags[MODEL_TAG][:12]}" if MODEL_TAG in tags else "model"
            self._client.log_artifacts(run_id, str(model), place)
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{place}"
        return str(self._client.create_model_version(name, source=source, run_id=run_id, tags=dict(tags)).version)

    def _experiment_id(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(name, artifact_location=_artifact_folder(self._uri)))
        except Exception:  # another campaign may have created it in between; else the first failure is the one to show
            found = self._client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)

    def _find(self, path: tuple[str, ...]) -> str | None:
        wanted = f"tags.`{KEY_TAG}` = '{self._key(path)}'"
        found = self._client.search_runs([self._experiment], filter_string=wanted, max_results=1, order_by=["start_time ASC"])
        return str(found[0].info.run_id) if found else None

    def _key(self, path: tuple[str, ...]) -> str:
        return hashlib.sha256(json.dumps([self._scope, *path]).encode()).hexdigest()[:32]

    def _create(self, path: tuple[str, ...]) -> Any:
        tags = {KEY_TAG: self._key(path), PATH_TAG: " > ".join(path), SCOPE_TAG: self._scope, "mlflow.source.name": "reactal"}
        if len(path) > 1:
            tags["mlflow.parentRunId"] = self.run_id(path[:-1])
        return self._client.create_run(self._experiment, tags=tags, run_name=path[-1])

    def _set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        entries = [RunTag(_name(key), str(value)[:LONGEST_VALUE]) for key, value in tags.items()]
        for batch in _batches(entries, PER_BATCH):
            self._client.log_batch(run_id, tags=batch)

    def _set_params(self, run_id: str, params: Mapping[str, Any], *, known: Mapping[str, str]) -> None:
        """MLflow never changes a parameter: one that differs after a restart, such as a core count, becomes a tag."""
        from mlflow.entities import Param

        given = {_name(key): str(value)[:LONGEST_VALUE] for key, value in params.items()}
        new = [Param(key, value) for key, value in given.items() if key not in known]
        for batch in _batches(new, PER_BATCH):
            self._client.log_batch(run_id, params=batch)
        self._set_tags(run_id, {f"now.{key}": value for key, value in given.items() if known.get(key, value) != value})


def _client(uri: str) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # a campaign tells nobody that it runs
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # which belongs to `--json`
    import_mlflow()
    from mlflow.tracking import MlflowClient

    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"mlflow\.")  # advice to whoever writes models, not to who runs a campaign
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _artifact_folder(uri: str) -> str | None:
    """Beside a database file; a server knows its own."""
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).absolute().parent / "artifacts").as_uri()


def _name(text: str) -> str:
    """As MLflow allows names: letters, digits, and _ - . / space."""
    return re.sub(r"[^\w\-./ ]", "_", text, flags=re.ASCII)


def model_name(campaign: str) -> str:
    """What the registry calls a campaign's models."""
    return _name(campaign).replace("/", "_")


def _batches(entries: Sequence[T], size: int) -> Iterator[list[T]]:
    return (list(entries[i : i + size]) for i in range(0, len(entries), size))
