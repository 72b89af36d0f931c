"""docs/deploy/recovery.md: what is deleted from a versioned bucket comes back, and MLflow's database from the journal."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reactal.chem import Label
from reactal.cli.main import invoke
from reactal.runner import Campaign
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.campaigns import end_of, leps_campaign
from tests.store.s3_servers import credentials, moto_server


@pytest.mark.server
@pytest.mark.timeout(1800)
def test_labels_deleted_by_mistake_come_back_and_the_campaign_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    with credentials(), moto_server() as server:
        url = server.new_bucket()
        client, bucket = server.client(), url.removeprefix("s3://").partition("/")[0]
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        file = leps_campaign(tmp_path / "one", store=url)
        with Campaign(file) as campaign:
            while campaign.state.iteration < 1:
                campaign.carry_out(campaign.next_action())  # type: ignore[arg-type]
            theory = campaign.bench.theory.fingerprint
            keys = sorted(campaign.bench.labels.keys(theory))
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for one in page["Contents"]:
                client.delete_object(Bucket=bucket, Key=one["Key"])
        labels = LabelStore(open_store(url))
        assert list(labels.keys(theory)) == []
        # as the guide does it: each delete marker that is the latest version of its object goes
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for marker in page.get("DeleteMarkers", []):
                if marker["IsLatest"]:
                    client.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])
        assert sorted(labels.keys(theory)) == keys
        assert all(isinstance(labels.get(theory, key), Label) for key in keys)
        with Campaign(file) as campaign:
            campaign.run()
            assert campaign.finished
            recovered = end_of(campaign)
    with Campaign(leps_campaign(tmp_path / "undisturbed")) as campaign:
        campaign.run()
        assert end_of(campaign) == recovered


def shown(uri: str) -> dict[str, dict[str, Any]]:
    """Every run of the database by name: its state, its parameters, and each metric's points."""
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
        runs = database.execute("SELECT run_uuid, name, status FROM runs").fetchall()
        return {
            name: {
                "status": status,
                "params": dict(database.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,))),
                "points": sorted(
                    database.execute(
                        "SELECT key, step, value FROM metrics WHERE run_uuid = ? AND key NOT LIKE 'system/%'", (run,)
                    ).fetchall()
                ),
            }
            for run, name, status in runs
        }


@pytest.mark.timeout(1800)
def test_a_lost_database_is_written_anew_from_the_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = leps_campaign(tmp_path, tracking={"kind": "mlflow", "uri": None})
    assert invoke(["run", str(file), "--engine", "inprocess", "--json"]) == 0
    uri = json.loads(capsys.readouterr().out)["mlflow"]["tracking_uri"]
    before = shown(uri)
    shutil.move(tmp_path / ".reactal" / "mlflow", tmp_path / "lost")
    # in a process of its own: MLflow keeps what it knows of a database for as long as a process lives
    command = [sys.executable, "-m", "reactal.cli.main", "rebuild", str(file), "--json"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert said["tracking_uri"] == uri
    assert shown(uri) == before
    assert any(run["points"] for run in before.values())
    assert invoke(["status", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mlflow"]["run_id"] == said["run_id"]
