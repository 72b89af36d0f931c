"""What every tracker promises: runs in a tree, the same run for the same path, nothing raised, nothing waited for.

On a real MLflow server on loopback, on MLflow's own SQLite, and on the tracker that keeps nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactal.tracking.base import Tracker
from reactal.tracking.mlflow import MlflowTracker, sqlite_uri
from reactal.tracking.models import ModelRegistry
from reactal.tracking.null import NullTracker
from tests.ports import free_port

START_SECONDS = 240.0
PATIENCE = 90.0

Open = Callable[[], Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server that proxies artifacts, as a group would run it."""
    folder, port = tmp_path_factory.mktemp("mlflow-server"), free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "artifacts")]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True)
    uri, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
    try:
        while not answers(uri):
            assert process.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < deadline, (folder / "log.txt").read_text()
            process_pause()
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # its own session: the workers end with it
        process.wait(30)


def answers(uri: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def process_pause() -> None:
    """Between two looks at a condition that has a deadline."""
    time.sleep(0.1)


@pytest.fixture(params=["null", "sqlite", pytest.param("server", marks=[pytest.mark.server, pytest.mark.slow])])
def tracker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Open]]:
    """The kind, and a function that opens one more tracker on the same place, as a restarted campaign does."""
    opened: list[Any] = []
    if request.param == "null":
        uri = ""
    else:
        uri = request.getfixturevalue("server") if request.param == "server" else database(tmp_path_factory)
    experiment = f"contract {request.node.name}"

    def open_one() -> Any:
        opened.append(NullTracker() if request.param == "null" else MlflowTracker(uri, experiment, scope="file:///store"))
        return opened[-1]

    yield request.param, open_one
    for one in opened:
        one.close(patience=PATIENCE)


_DATABASE: list[Path] = []


def database(factory: pytest.TempPathFactory) -> str:
    """One for all tests of this file: MLflow needs seconds to make its tables."""
    if not _DATABASE:
        _DATABASE.append(factory.mktemp("mlflow-sqlite"))
    return sqlite_uri(_DATABASE[0])


def reading(one: MlflowTracker) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=one.uri, registry_uri=one.uri)


def test_is_a_tracker_and_a_registry(tracker: tuple[str, Open]) -> None:
    one = tracker[1]()
    typed: tuple[Tracker, ModelRegistry] = (one, one)  # mypy checks what this says
    assert all(callable(getattr(one, name)) for name in ("open_run", "log", "close_run", "register"))
    assert typed


def test_a_tree_of_runs_with_numbers_curves_files_and_tags(
    tracker: tuple[str, Open], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, open_one = tracker
    one = open_one()
    figure = tmp_path / "curve.svg"
    figure.write_text("<svg/>")
    top = one.open_run(("sn2",), tags={"dataset": "3"}, params={"training.batch": 10, "note (eV)": "x" * 5000})
    child = one.open_run(("sn2", "iteration 0"), tags={}, params={})
    member = one.open_run(("sn2", "iteration 0", "member 1"), tags={}, params={"seed": 7})
    loss = [(step, 1.0 / (step + 1)) for step in range(2500)]
    one.log(member, series={"loss": loss}, metrics={"best": 0.25, "never": float("inf"), "nothing": float("nan")})
    one.log(top, files={"figures": figure}, tags={"journal": "12"})
    figure.unlink()  # the caller owes nothing after the call
    for run in (member, child, top):
        one.close_run(run, ok=run != child)
    assert one.flush(patience=PATIENCE)
    assert capsys.readouterr().out == "", "standard output belongs to what `--json` prints"
    if kind == "null":
        assert (top, child, member) == ("", "", "")
        return

    client = reading(one)
    runs = {name: client.get_run(one.run_id(ref)) for name, ref in (("top", top), ("child", child), ("member", member))}
    assert runs["child"].data.tags["mlflow.parentRunId"] == runs["top"].info.run_id
    assert runs["member"].data.tags["mlflow.parentRunId"] == runs["child"].info.run_id
    assert [run.info.status for run in runs.values()] == ["FINISHED", "FAILED", "FINISHED"]
    assert (runs["top"].data.tags["dataset"], runs["top"].data.tags["journal"]) == ("3", "12")
    assert runs["top"].data.params["training.batch"] == "10"
    assert runs["member"].info.run_name == "member 1"
    assert runs["member"].data.metrics["best"] == 0.25
    assert "never" not in runs["member"].data.metrics
    history = client.get_metric_history(runs["member"].info.run_id, "loss")
    assert [(point.step, point.value) for point in sorted(history, key=lambda p: p.step)] == loss
    assert [file.path for file in client.list_artifacts(runs["top"].info.run_id, "figures")] == ["figures/curve.svg"]


def test_a_restart_goes_on_in_the_same_runs(tracker: tuple[str, Open]) -> None:
    kind, open_one = tracker
    first = open_one()
    before = [first.open_run(path, tags={}, params={"slots": 2}) for path in (("c",), ("c", "iteration 1"))]
    ids = [first.run_id(run, patience=PATIENCE) for run in before]
    first.close(patience=PATIENCE)

    second = open_one()
    again = [second.open_run(path, tags={}, params={"slots": 8, "new": 1}) for path in (("c",), ("c", "iteration 1"))]
    assert again == before
    assert [second.run_id(run, patience=PATIENCE) for run in again] == ids
    other = second.open_run(("other",), tags={}, params={})
    if kind == "null":
        return
    assert second.run_id(other, patience=PATIENCE) not in ids
    data = reading(second).get_run(ids[0]).data
    assert data.params == {"slots": "2", "new": "1"}
    assert data.tags["now.slots"] == "8"


def test_a_closed_run_is_looked_up_without_starting_it_again(tracker: tuple[str, Open]) -> None:
    kind, open_one = tracker
    first = open_one()
    run = first.open_run(("c",), tags={}, params={})
    first.log(run, metrics={"labels": 1.0})
    first.close_run(run, ok=True)
    run_id = first.run_id(run, patience=PATIENCE)
    second = open_one()
    second.open_run(("c",), tags={}, params={})
    assert second.flush(patience=PATIENCE)
    if kind == "null":
        return
    client = reading(second)
    assert client.get_run(run_id).info.status == "FINISHED"
    second.log(run, metrics={"labels": 2.0})
    assert second.flush(patience=PATIENCE)
    assert client.get_run(run_id).info.status == "RUNNING"


def test_a_reference_still_serves_after_a_restart_without_opening(tracker: tuple[str, Open]) -> None:
    kind, open_one = tracker
    first = open_one()
    run = first.open_run(("c",), tags={}, params={})
    run_id = first.run_id(run, patience=PATIENCE)
    first.close(patience=PATIENCE)
    second = open_one()
    second.log(run, metrics={"late": 1.0})
    assert second.flush(patience=PATIENCE)
    if kind != "null":
        assert reading(second).get_run(run_id).data.metrics == {"late": 1.0}


def test_names_with_quotes_and_slashes_are_taken(tracker: tuple[str, Open]) -> None:
    kind, open_one = tracker
    one = open_one()
    path = ("it's/5'-ATP \"x\"",)
    run = one.open_run(path, tags={"a:b(c)": "d'e"}, params={"α": 1})
    found = one.run_id(run, patience=PATIENCE)
    if kind != "null":
        assert found is not None
        second = open_one()
        assert second.run_id(second.open_run(path, tags={}, params={}), patience=PATIENCE) == found


def test_nothing_is_raised_for_a_file_that_is_not_there(tracker: tuple[str, Open], tmp_path: Path) -> None:
    one = tracker[1]()
    run = one.open_run(("c",), tags={}, params={})
    one.log(run, files={"": tmp_path / "missing.svg"})
    one.close_run(run, ok=True)
    assert one.flush(patience=PATIENCE)
