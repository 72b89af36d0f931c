"""Runs in MLflow: a campaign, its iterations, their committee members. It costs the campaign no time and cannot stop it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from reactal.tracking.background import Aside
from reactal.tracking.base import RunRef
from reactal.tracking.snapshot import Snapshot

if TYPE_CHECKING:
    from reactal.tracking.mlflow_session import MlflowSession

__all__ = ["MlflowTracker", "sqlite_uri"]

PATIENCE = 20.0  # seconds that the end of a campaign waits for a slow tracker


def sqlite_uri(folder: Path) -> str:
    """A database of its own in this folder, with the artifacts beside it; no service is needed."""
    return f"sqlite:///{folder.absolute() / 'mlflow.db'}"


@final
class MlflowTracker:
    """Every call returns at once; a thread does the work in order. Failures are logged once and forgotten.

    `scope` tells campaigns of equal name in different stores apart, for example the store's URL. A `RunRef` is the run's
    path; MLflow's own id is at `run_id`.
    """

    def __init__(self, uri: str, experiment: str = "reactal", *, scope: str = "", rest: float = 30.0) -> None:
        self.uri, self.experiment = uri, experiment
        self._scope = scope
        self._aside = Aside("tracking in MLflow", rest=rest)
        self._session: MlflowSession | None = None
        self._ids: dict[RunRef, str] = {}

    def open_run(self, path: tuple[str, ...], *, tags: Mapping[str, str], params: Mapping[str, Any]) -> RunRef:
        """See `Tracker`; the tags and parameters are those at this moment."""
        run, tags, params = json.dumps(path), dict(tags), dict(params)

        def work(session: MlflowSession) -> None:
            self._ids[run] = session.open_run(path, tags=tags, params=params)

        self._later(work)
        return run

    def log(
        self,
        run: RunRef,
        *,
        metrics: Mapping[str, float] | None = None,
        series: Mapping[str, list[tuple[int, float]]] | None = None,
        files: Mapping[str, Path] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """See `Tracker`. Files are copied now: they may be removed as soon as this returns."""
        numbers, curves, words = dict(metrics or {}), {k: list(v) for k, v in (series or {}).items()}, dict(tags or {})
        copies = Snapshot(files or {})

        def work(session: MlflowSession) -> None:
            session.log(_path(run), metrics=numbers, series=curves, files=copies.files(), tags=words)

        self._later(work, after=copies.remove)

    def close_run(self, run: RunRef, *, ok: bool) -> None:
        """See `Tracker`."""
        self._later(lambda session: session.close_run(_path(run), ok=ok))

    def register(self, run: RunRef, *, name: str, folder: Path, alias: str, tags: Mapping[str, str]) -> None:
        """See `ModelRegistry`."""
        copies, words = Snapshot({"potential": folder}), dict(tags)

        def work(session: MlflowSession) -> None:
            session.register(_path(run), name=name, folder=copies.files()["potential"], alias=alias, tags=words)

        self._later(work, after=copies.remove)

    def run_id(self, run: RunRef, *, patience: float = PATIENCE) -> str | None:
        """MLflow's id of an opened run, once everything submitted is done; None where MLflow did not take it."""
        self._aside.flush(patience=patience)
        return self._ids.get(run)

    def flush(self, *, patience: float = PATIENCE) -> bool:
        """Wait until MLflow holds all that was logged; whether it came so far."""
        return self._aside.flush(patience=patience)

    def close(self, *, patience: float = PATIENCE) -> None:
        """Wait as `flush` does, then end the thread."""
        self._aside.close(patience=patience)

    def _later(self, work: Callable[[MlflowSession], None], *, after: Callable[[], None] | None = None) -> None:
        self._aside.submit(lambda: work(self._opened()), after=after)

    def _opened(self) -> MlflowSession:
        from reactal.tracking.mlflow_session import MlflowSession, is_answering

        if self._session is None:
            self._session = MlflowSession(self.uri, self.experiment, scope=self._scope)
        else:
            is_answering(self.uri)
        return self._session


def _path(run: RunRef) -> tuple[str, ...]:
    return tuple(json.loads(run))
