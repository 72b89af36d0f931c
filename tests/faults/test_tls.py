"""Servers behind TLS and a password, as docs/security.md has them set up: with real certificates, and refused without them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.server import LocalServer
from reactal.labeling.cluster import WORKER_ARGUMENTS
from reactal.tracking.mlflow import MlflowTracker
from tests.campaigns import leps_campaign
from tests.certificates import HOST, Certificate, guarded, make_certificate
from tests.chaos.services import Service, answers
from tests.labeling.watching import until
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.server]

ROOT = Path(__file__).parents[2]
USER, PASSWORD = "group", "behind-a-door-of-oak"
READY_S = 120.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def mlflow_port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    serve = ["-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    places = ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--artifacts-destination", str(tmp_path / "artifacts")]
    environ = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    service = Service("mlflow", [sys.executable, *serve, *places], tmp_path / "server.log", environ)
    try:
        service.tend()
        until(lambda: answers(f"http://{HOST}:{port}/health"), "MLflow's answer", deadline_s=READY_S)
        yield port
    finally:
        service.kill()


def tracked(uri: str) -> str | None:
    """The id of a run that a campaign opens there."""
    tracker = MlflowTracker(uri, scope="tls", rest=0.0)
    run = tracker.open_run(("h3",), tags={"a": "b"}, params={})
    tracker.log(run, metrics={"labels": 3.0})
    found = tracker.run_id(run, patience=60.0)
    tracker.close(patience=10.0)
    return found


def test_mlflow_by_tls_and_password(
    mlflow_port: int, certificate: Certificate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with guarded(mlflow_port, certificate, user=USER, password=PASSWORD) as door:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
        with caplog.at_level(logging.WARNING):
            assert tracked(door.url) is None, "its certificate is nobody's whom this machine trusts"
        assert "is interrupted" in caplog.text
        assert door.passed == 0
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate.cert))
        assert tracked(door.url)
        assert door.passed
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another")
        caplog.clear()
        refused = door.refused
        with caplog.at_level(logging.WARNING):
            assert tracked(door.url) is None
        assert door.refused > refused
        assert "401" in caplog.text
    assert PASSWORD not in caplog.text


ASK = """
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    print("flows:", client.count_flow_runs() if hasattr(client, "count_flow_runs") else len(client.read_flows()))
"""


def asked(api: str, certificate: Certificate | None, auth: str | None) -> subprocess.CompletedProcess[str]:
    """What Prefect's client in a process of its own says of the server."""
    environ = {**os.environ, "PREFECT_API_URL": api, "PREFECT_CLIENT_MAX_RETRIES": "0"}
    environ |= {} if certificate is None else {"PREFECT_API_SSL_CERT_FILE": str(certificate.cert)}
    environ |= {} if auth is None else {"PREFECT_API_AUTH_STRING": auth}
    return subprocess.run([sys.executable, "-c", ASK], env=environ, capture_output=True, text=True, cwd=ROOT)


def test_prefect_by_tls_and_password(tmp_path: Path, certificate: Certificate) -> None:
    auth = f"{USER}:{PASSWORD}"
    with LocalServer(tmp_path) as server, guarded(server.port, certificate, user=USER, password=PASSWORD) as door:
        server.wait()
        api = f"{door.url}/api"
        assert "flows: 0" in asked(api, certificate, auth).stdout
        assert "CERTIFICATE_VERIFY_FAILED" in asked(api, None, auth).stderr
        refused = asked(api, certificate, None)
    assert "401" in refused.stderr
    assert PASSWORD not in refused.stderr


LABEL = [sys.executable, "-m", "reactal.cli.main", "label"]
NULL = ["--theory", "leps/none", "--program", "ase"]


def test_dask_by_tls(tmp_path: Path, certificate: Certificate) -> None:
    """The keys come from Dask's own variables, for client, scheduler and workers alike."""
    cert, key = str(certificate.cert), str(certificate.key)
    roles = ("SCHEDULER", "WORKER", "CLIENT")
    trusted = {
        **os.environ,
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": cert,
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true",
        **{f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT": cert for role in roles},
        **{f"DASK_DISTRIBUTED__COMM__TLS__{role}__KEY": key for role in roles},
    }
    address = f"tls://{HOST}:{free_port()}"
    scheduler = ["distributed.cli.dask_scheduler", "--host", address.rpartition(":")[0], "--port", address.rpartition(":")[2]]
    worker = ["distributed.cli.dask_worker", address, *WORKER_ARGUMENTS, "--no-nanny", "--local-directory", str(tmp_path)]
    services = [
        Service(words[0], [sys.executable, "-m", *words, "--no-dashboard"], tmp_path / f"{words[0]}.log", trusted)
        for words in (scheduler, worker)
    ]
    leps_campaign(tmp_path)
    command = [*LABEL, str(tmp_path / "reactant.xyz"), *NULL, "--multiplicity", "2", "--store", str(tmp_path / "store"), "--json"]
    command += ["--cluster", address, "--out", str(tmp_path / "out.extxyz")]
    try:
        for service in services:
            service.tend()
        stranger = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, cwd=ROOT)
        done = subprocess.run(command, env=trusted, capture_output=True, text=True, cwd=ROOT)
    finally:
        for service in services:
            service.kill()
    assert stranger.returncode == 1, stranger.stderr
    assert address in json.loads(stranger.stdout)["error"]
    assert "Traceback" not in stranger.stderr
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["computed"] == 1
