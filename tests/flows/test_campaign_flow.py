"""The campaign as a Prefect flow run, on real servers: what it shows, and that nothing of ours stays behind."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

from flows.campaign import campaign_flow
from flows.parameters import CampaignRequest
from flows.server import LocalServer, client_environment, using
from reactal.campaign.decide import Action
from reactal.cli.interrupts import stoppable
from reactal.runner import Campaign
from tests.cli.toy import leps_campaign
from tests.flows.conftest import PATIENCE, Api, until

pytestmark = [pytest.mark.server, pytest.mark.slow]
KEEPS_A_SERVER = """
import sys
from pathlib import Path
from flows.server import LocalServer
server = LocalServer(Path(sys.argv[1]))
server.wait()
print("ready", flush=True)
input()
"""
STAGES = {"seed", "label", "train", "explore", "select", "calibrate", "finish"}


def run(file: Path, *arguments: str, environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "reactal.cli.main", "run", str(file), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    parsed = json.loads(done.stdout)
    assert isinstance(parsed, dict)
    return parsed


def without_prefect() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


def processes_of(folder: Path) -> list[int]:
    """Every process that was given this Prefect home."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = environ.read_bytes().split(b"\0")
        except OSError:
            continue
        if f"PREFECT_HOME={folder}".encode() in variables:
            found.append(int(environ.parent.name))
    return found


def test_run_is_found_by_name_and_shows_its_work(prefect: Api, tmp_path: Path) -> None:
    file = leps_campaign(tmp_path, "# with the server that the environment names\n")
    text = file.read_text().replace("name: leps", "name: leps-shown")
    file.write_text(text.replace("cluster: {kind: none}", "cluster: {kind: local, workers: {least: 1, most: 1}}"))
    summary = run(file, environment=prefect.environment)

    (flow_run,) = prefect.flow_runs("leps-shown")
    assert flow_run["id"] == summary["prefect"]["flow_run"]
    assert flow_run["state_type"] == "COMPLETED"
    assert {"reactal", "leps-shown", "H3"} <= set(flow_run["tags"])
    tasks = until(lambda: _all_done(prefect.task_runs(flow_run["id"])), "the task runs' last states")
    assert {task["name"].partition(" · ")[0] for task in tasks} == STAGES
    assert tasks[0]["name"] == "seed · iteration 0"
    artifacts = {artifact["key"]: artifact for artifact in prefect.artifacts(flow_run["id"])}
    assert artifacts["leps-shown-progress"]["data"] == 100.0
    assert "http://127.0.0.1:" in artifacts["leps-shown-dask"]["data"]
    assert "/report.html" in artifacts["leps-shown-report"]["data"]
    assert summary["verdict"].replace("_", " ") in artifacts["leps-shown-verdict"]["data"]
    rows = json.loads(artifacts["leps-shown-iterations"]["data"])
    assert rows and {"iteration", "labels", "barrier model", "barrier reference"} <= set(rows[0])


def _all_done(tasks: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    return tasks if tasks and all(task["state_type"] == "COMPLETED" for task in tasks) else None


def test_own_server_comes_and_goes_and_its_runs_stay(tmp_path: Path) -> None:
    summary = run(leps_campaign(tmp_path), environment=without_prefect())
    home = tmp_path / ".reactal" / "prefect"
    assert processes_of(home) == []
    with LocalServer(home) as later:
        later.wait()
        api = Api(later.api, client_environment(home))
        (flow_run,) = api.flow_runs("leps")
        tasks = api.task_runs(flow_run["id"])
    assert flow_run["id"] == summary["prefect"]["flow_run"]
    assert flow_run["state_type"] == "COMPLETED"
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}
    assert {task["name"].partition(" · ")[0] for task in tasks} == STAGES


def test_server_ends_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    home = tmp_path / "prefect"
    parent = subprocess.Popen([sys.executable, "-c", KEEPS_A_SERVER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None and parent.stdout.readline()
    assert processes_of(home)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not processes_of(home), "the server to notice that its parent was killed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_run_ends_with_one_sentence(number: int, prefect: Api, tmp_path: Path) -> None:
    name = f"leps-stopped-{number}"
    file = leps_campaign(tmp_path)
    file.write_text(file.read_text().replace("steps_first: 60", "steps_first: 100000").replace("name: leps", f"name: {name}"))
    command = [sys.executable, "-m", "reactal.cli.main", "run", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=prefect.environment)

    def training() -> bool:
        assert process.poll() is None, process.communicate()
        runs = prefect.flow_runs(name)
        return bool(runs) and any(task["name"].startswith("train") for task in prefect.task_runs(runs[0]["id"]))

    until(training, "the first training")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert out == ""
    assert err.splitlines()[-1] == "stopped; run again to go on"
    assert "Traceback" not in err
    (flow_run,) = prefect.flow_runs(name)
    assert flow_run["state_type"] in {"CRASHED", "CANCELLED", "FAILED"}


class Stopped:
    """A campaign whose first question falls together with a signal, at a moment when Python swallows what a handler raises."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign

    def __getattr__(self, name: str) -> Any:
        return getattr(self._campaign, name)

    def next_action(self) -> Action:
        class Thing:
            pass

        thing = Thing()
        kept = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
        del thing
        gc.collect()
        assert kept() is None
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            time.sleep(0.01)
        raise AssertionError("the signal was lost")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_signal_that_python_swallows_in_a_flow_still_stops_it(
    prefect: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reactal.cli.interrupts.LOST_SECONDS", 0.05)
    file = leps_campaign(tmp_path, "# stopped\n")
    file.write_text(file.read_text().replace("name: leps", "name: leps-swallowed"))
    with Campaign(file) as campaign, using(prefect.url, prefect.environment):
        campaign.begin()
        with pytest.raises(KeyboardInterrupt), stoppable():
            campaign_flow(Stopped(campaign), meanwhile=stoppable)(CampaignRequest(campaign_file=str(file)))
    (flow_run,) = prefect.flow_runs("leps-swallowed")
    assert flow_run["state_type"] == "CRASHED"
