"""Secrets that a whole campaign is given, looked for in everything that it writes, sends, logs and prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns import leps_campaign
from tests.store.s3_fixtures import aws_environment, moto
from tests.store.s3_servers import S3Server

__all__ = ["aws_environment", "moto"]

pytestmark = [pytest.mark.slow, pytest.mark.server]

ROOT = Path(__file__).parents[2]
CANARIES = {
    "AWS_SECRET_ACCESS_KEY": "canary-of-s3",
    "AWS_SESSION_TOKEN": "canary-of-a-session",
    "MLFLOW_TRACKING_PASSWORD": "canary-of-mlflow",
    "PREFECT_API_AUTH_STRING": "admin:canary-of-prefect",
    "PREFECT_SERVER_API_AUTH_STRING": "admin:canary-of-prefect",
    "LICENCE_TOKEN": "canary-of-a-licence",
}
MARK = b"canary-of-"


def run(file: Path, *more: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "reactal.cli.main", "run", str(file), "--json", *more]
    environ = {**os.environ, **CANARIES, "MLFLOW_TRACKING_USERNAME": "group", "TMPDIR": str(file.parent), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=file.parent, env=environ, capture_output=True)  # where its own folder comes to lie


@pytest.mark.timeout(900)
def test_no_secret_is_told_by_a_campaign_on_s3_with_prefect_and_mlflow(moto: S3Server, tmp_path: Path) -> None:
    """Its own Prefect server asks for the password as well, and the flow gets through."""
    store = moto.new_bucket()
    tracking = {"kind": "mlflow", "uri": f"sqlite:///{tmp_path}/.reactal/mlflow.db"}
    done = run(leps_campaign(tmp_path, store=store, tracking=tracking, budget={"labels": 25}))
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["prefect"]["flow_run"]
    written = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    client, bucket = moto.client(), store.partition("://")[2].partition("/")[0]
    keys = [
        entry["Key"] for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket) for entry in page["Contents"]
    ]
    stored = {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    everything = {**written, **stored, "standard output": done.stdout, "standard error": done.stderr}
    for kind in ("mlflow.db", "prefect.db", "report.html", "/journal/", "/config/"):
        assert any(kind in name and content for name, content in everything.items()), f"{kind} was looked at"
    assert [name for name, content in everything.items() if MARK in content] == []


def test_no_secret_is_told_when_the_store_refuses_it(moto: S3Server, tmp_path: Path) -> None:
    from tests.store.s3_servers import faulty_proxy

    with faulty_proxy(moto) as proxy:
        proxy.plan = [("PUT", "403 SignatureDoesNotMatch")]
        store = moto.new_bucket().replace(moto.endpoint, proxy.endpoint)
        done = run(leps_campaign(tmp_path, store=store), "--engine", "inprocess")
    assert done.returncode == 2
    assert b"refused the credentials (SignatureDoesNotMatch)" in done.stderr
    assert MARK not in done.stdout + done.stderr
