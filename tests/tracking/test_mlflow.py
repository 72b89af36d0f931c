"""MLflow's tracker where things go wrong, and the model it registers."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reactal.tracking.mlflow import MlflowTracker, sqlite_uri

PATIENCE = 90.0
LOGGER = "reactal.tracking.background"


def use(tracker: MlflowTracker, *, times: int = 3) -> None:
    for number in range(times):
        run = tracker.open_run((f"campaign {number}",), tags={}, params={"a": 1})
        tracker.log(run, metrics={"b": 2.0})
        tracker.close_run(run, ok=True)


def refused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.server
def test_a_dead_server_costs_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    uri = f"http://127.0.0.1:{refused_port()}"
    tracker = MlflowTracker(uri)
    with caplog.at_level(logging.WARNING, LOGGER):
        use(tracker)
        assert tracker.flush(patience=PATIENCE)
        assert tracker.run_id(tracker.open_run(("x",), tags={}, params={}), patience=PATIENCE) is None
        tracker.close(patience=PATIENCE)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert uri in caplog.text


class Silent(BaseHTTPRequestHandler):
    """Takes a request and never answers, until the test is over."""

    over = threading.Event()

    def do_GET(self) -> None:
        self.over.wait()


@pytest.fixture
def silent_server() -> Iterator[str]:
    Silent.over.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Silent.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.server
def test_a_server_that_hangs_is_given_up(silent_server: str, caplog: pytest.LogCaptureFixture) -> None:
    tracker = MlflowTracker(silent_server)
    with caplog.at_level(logging.WARNING, LOGGER):
        use(tracker)
        assert tracker.flush(patience=PATIENCE)
        tracker.close(patience=PATIENCE)
    assert len(caplog.records) == 1


def test_what_an_outage_left_is_sent_when_the_tracker_is_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The folder of the database is a file at first, as a disk that is not mounted yet. The process ends; the next one sends."""
    folder, unsent = tmp_path / "mlruns", tmp_path / "unsent"
    folder.write_text("")
    first = MlflowTracker(sqlite_uri(folder), rest=0.0, unsent=unsent)
    run = first.open_run(("c", "iteration 0"), tags={}, params={"batch": 10})
    first.log(run, metrics={"mae": 0.5}, series={"curve": [(1, 3.0), (2, 2.0)]})
    assert first.run_id(run, patience=PATIENCE) is None
    assert first.unsent == 2
    told = time.time()
    first.close(patience=PATIENCE)
    folder.unlink()
    second = MlflowTracker(sqlite_uri(folder), rest=0.0, unsent=unsent)
    second.log(run, tags={"x" * 300: "a name that MLflow refuses"})
    for _ in range(3):
        second.close_run(run, ok=True)
        assert second.flush(patience=PATIENCE)
    assert second.unsent == 0
    assert "does not take a message" in caplog.text
    assert len(list((unsent / "refused").iterdir())) == 1
    second.close(patience=PATIENCE)

    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=second.uri)
    (experiment,) = [e for e in client.search_experiments() if e.name == "reactal"]
    runs = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    found = runs["iteration 0"]
    assert found.data.metrics == {"mae": 0.5, "curve": 2.0} and found.data.params == {"batch": "10"}
    assert found.data.tags["mlflow.parentRunId"] == runs["c"].info.run_id
    assert found.info.status == "FINISHED"
    assert max(point.timestamp for point in client.get_metric_history(found.info.run_id, "curve")) <= 1000 * told, "when it was"


def test_an_unwritable_database_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    tracker = MlflowTracker(sqlite_uri(tmp_path / "file"))
    with caplog.at_level(logging.WARNING, LOGGER):
        use(tracker)
        tracker.close(patience=PATIENCE)
    assert len(caplog.records) == 1


def test_making_a_tracker_imports_and_writes_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from reactal.tracking.mlflow import MlflowTracker, sqlite_uri;"
        "MlflowTracker(sqlite_uri(pathlib.Path(sys.argv[1]) / 'new'));"
        "assert 'mlflow' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []


READ_BACK = """
import json, sys
import mlflow
import pandas as pd

model = mlflow.pyfunc.load_model("models:/sn2@champion")
rows = json.loads(sys.stdin.read())
print(json.dumps(model.predict(pd.DataFrame(rows)).to_dict("records")))
"""


def two_members() -> Any:
    """A real committee, untrained: what it says does not matter here, only that it says the same elsewhere."""
    from reactal.potentials.architecture import Architecture
    from reactal.potentials.committee import Committee
    from reactal.potentials.priors import ScreenedRepulsion
    from reactal.potentials.references import References
    from reactal.potentials.schnetpack import build_network

    networks = tuple(build_network(Architecture(features=8, interactions=1), seed=seed) for seed in (0, 1))
    return Committee(networks, References(((1, -13.6), (8, -2040.0))), ScreenedRepulsion())


@pytest.mark.slow
def test_a_registered_model_predicts_as_the_committee_that_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded in another process by name and alias, through its signature."""
    from mlflow.tracking import MlflowClient

    from reactal import load_potential
    from reactal.chem import Frames, Structure
    from reactal.errors import InputError
    from reactal.potentials.export import write_committee

    committee = two_members()
    folder = write_committee(tmp_path / "model", committee)
    tracker = MlflowTracker(sqlite_uri(tmp_path / "mlruns"))
    run = tracker.open_run(("sn2",), tags={}, params={})
    row = {"numbers": [8, 1, 1], "positions": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], "charge": 0, "multiplicity": 1}
    for alias, model in (("champion", "a"), ("challenger", "b"), ("champion", "c"), ("champion", "a"), ("champion", "c")):
        tracker.register(run, name="sn2", folder=folder, alias=alias, tags={"dataset": "3", "model": model}, example=row)
    assert tracker.flush(patience=2 * PATIENCE)
    client = MlflowClient(tracking_uri=tracker.uri, registry_uri=tracker.uri)
    versions = {alias: client.get_model_version_by_alias("sn2", alias) for alias in ("champion", "challenger")}
    assert {alias: int(version.version) for alias, version in versions.items()} == {"champion": 3, "challenger": 2}
    assert versions["champion"].tags == {"dataset": "3", "model": "c"}
    assert len(client.search_model_versions("name = 'sn2'")) == 3, "a model is registered once, its alias moved"
    registered = tracker.registered("sn2", "champion")
    assert registered is not None and registered.tags["model"] == "c"
    assert tracker.registered("sn2", "nobody") is None
    assert versions["champion"].run_id == tracker.run_id(run)
    tracker.close(patience=PATIENCE)

    water = Structure.from_symbols("OHH", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    bent = Structure.from_symbols("HHO", [[0.96, 0.1, 0], [-0.24, 0.93, 0], [0, 0, 0]])
    frames = Frames.of([water, bent])
    wanted = committee.predict(frames)
    rows = [
        {"numbers": s.numbers, "positions": s.positions.tolist(), "charge": 0, "multiplicity": 1} for s in frames.structures()
    ]
    environment = os.environ | {"MLFLOW_TRACKING_URI": tracker.uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", READ_BACK], input=json.dumps(rows), capture_output=True, text=True, env=environment, cwd=root
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose([row["energy"] for row in found], wanted.energy, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([row["forces"] for row in found]), wanted.forces, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([row["force_spread"] for row in found]), wanted.force_spread, atol=1e-6)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    by_uri = load_potential("models:/sn2@champion").potential.predict(frames)
    np.testing.assert_array_equal(by_uri.forces, wanted.forces)
    with pytest.raises(InputError, match="models:/sn2@nobody"):
        load_potential("models:/sn2@nobody")
    prediction = predicted_by_command(row, environment, tmp_path)
    np.testing.assert_allclose(prediction["energy"], wanted.energy[0], atol=1e-6)


def predicted_by_command(row: dict[str, Any], environment: dict[str, str], folder: Path) -> dict[str, Any]:
    """`mlflow models predict`, in this environment."""
    (folder / "row.json").write_text(json.dumps({"dataframe_records": [row]}))
    command = [sys.executable, "-m", "mlflow", "models", "predict", "-m", "models:/sn2@champion", "--env-manager", "local"]
    command += ["-i", str(folder / "row.json"), "-o", str(folder / "said.json"), "-t", "json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    (found,) = json.loads((folder / "said.json").read_text())["predictions"]
    assert isinstance(found, dict)
    return found
