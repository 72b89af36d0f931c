"""MLflow's tracker where things go wrong, and the model it registers."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
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


def test_runs_lost_in_an_outage_are_opened_when_the_tracker_is_back(tmp_path: Path) -> None:
    """The folder of the database is a file at first, as a disk that is not mounted yet."""
    folder = tmp_path / "mlruns"
    folder.write_text("")
    tracker = MlflowTracker(sqlite_uri(folder), rest=0.0)
    run = tracker.open_run(("c", "iteration 0"), tags={}, params={})
    assert tracker.run_id(run, patience=PATIENCE) is None
    folder.unlink()
    tracker.log(run, metrics={"mae": 0.5})
    assert tracker.flush(patience=PATIENCE)
    tracker.close(patience=PATIENCE)

    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=tracker.uri)
    (experiment,) = [e for e in client.search_experiments() if e.name == "reactal"]
    runs = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    assert runs["iteration 0"].data.metrics == {"mae": 0.5}
    assert runs["iteration 0"].data.tags["mlflow.parentRunId"] == runs["c"].info.run_id


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
def test_a_registered_model_predicts_as_the_committee_that_was_saved(tmp_path: Path) -> None:
    """Loaded in another process by name and alias, through its signature."""
    from mlflow.tracking import MlflowClient

    from reactal.chem import Frames, Structure
    from reactal.potentials.export import write_committee

    committee = two_members()
    folder = write_committee(tmp_path / "model", committee)
    tracker = MlflowTracker(sqlite_uri(tmp_path / "mlruns"))
    run = tracker.open_run(("sn2",), tags={}, params={})
    for alias in ("champion", "challenger", "champion"):
        tracker.register(run, name="sn2", folder=folder, alias=alias, tags={"dataset": "3"})
    assert tracker.flush(patience=2 * PATIENCE)
    client = MlflowClient(tracking_uri=tracker.uri, registry_uri=tracker.uri)
    versions = {alias: client.get_model_version_by_alias("sn2", alias) for alias in ("champion", "challenger")}
    assert {alias: int(version.version) for alias, version in versions.items()} == {"champion": 3, "challenger": 2}
    assert versions["champion"].tags == {"dataset": "3"}
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
