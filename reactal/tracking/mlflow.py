"""Runs in MLflow: a campaign, its iterations, their committee members. It costs the campaign no time and cannot stop it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from reactal.errors import TrackerUnavailable
from reactal.tracking.background import Aside
from reactal.tracking.base import DatasetRef, RunRef
from reactal.tracking.machine import MachineWatch
from reactal.tracking.spool import Message, Spool

if TYPE_CHECKING:
    from reactal.tracking.mlflow_session import MlflowSession
    from reactal.tracking.models import Registered

__all__ = ["MlflowTracker", "sqlite_uri"]

log = logging.getLogger(__name__)

PATIENCE = 20.0  # seconds that the end of a campaign waits for a slow tracker
TRIES = 3  # of a message that the tracker answers with an error


def sqlite_uri(folder: Path) -> str:
    """A database of its own in this folder, with the artifacts beside it; no service is needed."""
    return f"sqlite:///{folder.absolute() / 'mlflow.db'}"


@final
class MlflowTracker:
    """Every call returns at once; a thread does the work in order. Failures are logged once and forgotten.

    What is told is first kept in the folder `unsent` and goes from there when MLflow has it: what an outage or a kill left there
    is sent when MLflow is back, by this process or the next with this folder. Without a folder it is lost with the process.
    `scope` tells campaigns of equal name in different stores apart, for example the store's URL. `watch_machine`: seconds
    between figures of the machine in the topmost run; 0: none. A `RunRef` is the run's path; MLflow's own id is at `run_id`.
    """

    def __init__(
        self,
        uri: str,
        experiment: str = "reactal",
        *,
        scope: str = "",
        rest: float = 30.0,
        unsent: Path | None = None,
        watch_machine: float = 0.0,
    ) -> None:
        self.uri, self.experiment = uri, experiment
        self._scope, self._watch_machine = scope, watch_machine
        self._aside = Aside("tracking in MLflow", rest=rest)
        self._spool = Spool(unsent)
        self._session: MlflowSession | None = None
        self._ids: dict[RunRef, str] = {}
        self._tries: dict[str, int] = {}
        self._watch: MachineWatch | None = None

    def open_run(self, path: tuple[str, ...], *, tags: Mapping[str, str], params: Mapping[str, Any]) -> RunRef:
        """See `Tracker`; the tags and parameters are those at this moment."""
        run = json.dumps(path)
        self._tell("open_run", run, {"tags": dict(tags), "params": {key: str(value) for key, value in params.items()}})
        if self._watch_machine and self._watch is None:
            root = json.dumps(path[:1])
            self._watch = MachineWatch(self._watch_machine, lambda step, found: self._machine(root, step, found))
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
        numbers = {name: _plain(value) for name, value in (metrics or {}).items()}
        curves = {name: [(step, _plain(value)) for step, value in curve] for name, curve in (series or {}).items()}
        self._tell("log", run, {"metrics": numbers, "series": curves, "tags": dict(tags or {}), "at": time.time()}, files)

    def close_run(self, run: RunRef, *, ok: bool) -> None:
        """See `Tracker`."""
        self._tell("close_run", run, {"ok": ok})

    def use_dataset(self, run: RunRef, dataset: DatasetRef) -> None:
        """See `DatasetTracker`."""
        self._tell("use_dataset", run, {"dataset": asdict(dataset)})

    def register(
        self,
        run: RunRef,
        *,
        name: str,
        folder: Path,
        alias: str,
        tags: Mapping[str, str],
        example: Mapping[str, Any] | None = None,
    ) -> None:
        """See `ModelRegistry`."""
        told = {"name": name, "alias": alias, "tags": dict(tags), "example": None if example is None else dict(example)}
        self._tell("register", run, told, {"potential": folder})

    def registered(self, name: str, alias: str) -> Registered | None:
        """The version behind the alias; None where there is none. `TrackerUnavailable` where MLflow does not answer, or has not
        been told all that it is to know."""
        self.send()
        if not self.flush() or self.unsent:
            raise TrackerUnavailable(f"MLflow at {self.uri} has not taken all that it was told yet; look whether it is there")
        return self._opened().registered(name, alias)

    def send(self) -> None:
        """What waits since an earlier process goes to MLflow now, if it is back."""
        self._aside.submit(self._send_all)

    @property
    def unsent(self) -> int:
        """Messages that MLflow does not have yet."""
        return len(self._spool.waiting())

    def run_id(self, run: RunRef, *, patience: float = PATIENCE) -> str | None:
        """MLflow's id of an opened run, once everything submitted is done; None where MLflow did not take it."""
        self._aside.flush(patience=patience)
        return self._ids.get(run)

    def flush(self, *, patience: float = PATIENCE) -> bool:
        """Wait until MLflow holds all that was logged, or was found to be away; whether it came so far."""
        return self._aside.flush(patience=patience)

    def close(self, *, patience: float = PATIENCE) -> None:
        """Wait as `flush` does, then end the thread."""
        if self._watch is not None:
            self._watch.stop()
        self._aside.close(patience=patience)
        self._spool.close()

    def _machine(self, run: RunRef, step: int, found: Mapping[str, float]) -> None:
        self._tell(
            "log", run, {"metrics": {}, "series": {n: [(step, v)] for n, v in found.items()}, "tags": {}, "at": time.time()}
        )

    def _tell(self, call: str, run: RunRef, told: Mapping[str, Any], files: Mapping[str, Path] | None = None) -> None:
        try:
            self._spool.add(call, {"run": run, **told}, files)
        except OSError as error:
            self._aside.submit(lambda error=error: _raise(error))  # type: ignore[misc]
            return
        self._aside.submit(self._send_all)

    def _send_all(self) -> None:
        """All messages that wait, the oldest first, up to the first that does not go."""
        session: MlflowSession | None = None
        for folder in self._spool.waiting():
            message = self._spool.read(folder)
            session = session or self._opened()  # whether it answers is asked once a turn
            try:
                self._send(session, message)
            except TrackerUnavailable:
                raise
            except Exception as error:
                self._tries[folder.name] = self._tries.get(folder.name, 0) + 1
                if self._tries[folder.name] < TRIES:
                    raise
                self._spool.refuse(folder)
                log.warning("MLflow does not take a message (%s); it is kept in %s", error, self._spool.folder)
                continue
            self._spool.sent(folder)

    def _send(self, session: MlflowSession, message: Message) -> None:
        told = dict(message.told)
        run = told.pop("run")
        path = tuple(json.loads(run))
        match message.call:
            case "open_run":
                self._ids[run] = session.open_run(path, **told)
            case "log":
                session.log(path, files=message.files, **told)
            case "close_run":
                session.close_run(path, **told)
            case "use_dataset":
                session.use_dataset(path, DatasetRef(**told["dataset"]))
            case "register":
                session.register(path, folder=message.files["potential"], **told)

    def _opened(self) -> MlflowSession:
        from reactal.tracking.mlflow_session import MlflowSession, is_answering

        if self._session is None:
            self._session = MlflowSession(self.uri, self.experiment, scope=self._scope)
        else:
            is_answering(self.uri)
        return self._session


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)


def _raise(error: OSError) -> None:
    raise error
