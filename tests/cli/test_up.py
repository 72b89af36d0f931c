"""`reactal up`: pages that answer, a worker that carries out what the clock starts, and nothing left when it ends."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient

from tests.cli.toy import leps_campaign
from tests.flows.conftest import Api, until

ROOT = Path(__file__).parents[2]
OVER = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
NEEDS_SERVERS = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Kept:
    """A `reactal up` at work for a campaign that asks before its first label."""

    process: subprocess.Popen[str]
    links: dict[str, str]
    campaign: Path
    api: Api

    def reactal(self, *words: object) -> dict[str, Any]:
        command = [sys.executable, "-m", "reactal.cli.main", *map(str, words), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=without_prefect())
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert isinstance(told, dict)
        return told

    def run(self, deployment: str) -> dict[str, Any] | None:
        """The first run of a deployment that was begun."""
        wanted = {"deployments": {"id": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_ASC"}
        started = [run for run in self.api.ask("/flow_runs/filter", wanted) if run["state_type"] != "SCHEDULED"]
        return started[0] if started else None


def without_prefect() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    file = leps_campaign(tmp_path_factory.mktemp("kept"))
    text = file.read_text().replace("{labels: 35}", "{labels: 35, approve_above: {labels: 5}}")
    file.write_text(text.replace("tracking: {kind: none}", "tracking: {kind: mlflow}"))
    command = [sys.executable, "-m", "reactal.cli.main", "up", str(file), "--slots", "1", "--json"]
    quiet = {"DASK_LOGGING": "{'distributed': 'critical'}"}  # what another wishes of Dask, it waits for its words all the same
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=without_prefect() | quiet
    )
    assert process.stdout is not None
    told = ""
    while not told.endswith("}\n"):
        line = process.stdout.readline()
        assert line, f"`reactal up` ended with {process.wait()}"
        told += line
    links = json.loads(told)
    assert "prefect" in links, links
    try:
        yield Kept(process, links, file, Api(f"{links['prefect']}/api", without_prefect()))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=120)


def scheduled(folder: Path, deployment: str, *, every: float) -> Path:
    """prefect.yaml with a schedule for one deployment, seconds apart, and none for the others."""
    tree = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    for entry in tree["deployments"]:
        entry["schedules"] = [{"interval": every}] if entry["name"] == deployment else []
    if not (folder / "infra").exists():
        (folder / "infra").symlink_to(ROOT / "infra")
    file = folder / "prefect.yaml"
    file.write_text(yaml.safe_dump(tree))
    return file


def stretched(file: Path, count: int) -> Path:
    """H3 along the reaction and beside it."""
    lot = random.Random(0)
    frames = []
    for _ in range(count):
        near, far = lot.uniform(0.65, 1.2), lot.uniform(1.6, 2.8)
        frames.append(f"3\n\nH 0 0 0\nH {lot.uniform(-0.1, 0.1)} 0.03 {near}\nH 0 0 {far + near}\n")
    file.write_text("".join(frames))
    return file


def answers(link: str) -> bool:
    try:
        with urllib.request.urlopen(link, timeout=10) as page:
            return page.status == 200
    except OSError:
        return False


class TestKept:
    """In this order: what is up, a run by the clock, a night by the clock, the end."""

    pytestmark = NEEDS_SERVERS

    def test_all_answer_once_they_are_named(self, kept: Kept) -> None:
        assert answers(f"{kept.links['prefect']}/api/health") and answers(kept.links["mlflow"]) and answers(kept.links["dask"])
        (worker,) = kept.api.ask("/work_pools/reactal/workers/filter", {})
        assert worker["status"] == "ONLINE"
        published = json.loads((kept.campaign.parent / ".reactal" / "prefect" / "server.json").read_text())
        assert published["page"] == kept.links["prefect"]
        again = kept.reactal("up", kept.campaign)
        assert again == kept.links, "a second one shows what is there"

    def test_the_dask_cluster_takes_labels(self, kept: Kept) -> None:
        from distributed import Client

        with Client(kept.links["scheduler"], timeout=60, set_as_default=False) as client:
            (worker,) = client.scheduler_info()["workers"].values()
            assert worker["resources"] == {"psi4": 1, "train": 1}

    def test_a_run_that_the_clock_starts_waits_for_approval_and_goes_through(self, kept: Kept) -> None:
        file = scheduled(kept.campaign.parent, "campaign", every=20.0)
        told = kept.reactal("deploy", kept.campaign, "--pool", "reactal", "--labels", "2", "--gpus", "1", "--file", file)
        assert told["kind"] == "process" and "campaign/campaign" in told["deployments"]
        limits = {limit["name"]: limit["limit"] for limit in kept.api.ask("/v2/concurrency_limits/filter", {"limit": 50})}
        assert {"reactal-labels": 2, "reactal-gpus": 1}.items() <= limits.items()
        deployment = kept.api.ask("/deployments/name/campaign/campaign")["id"]
        until(lambda: kept.run(deployment), "the clock")
        kept.api.ask(f"/deployments/{deployment}/pause_deployment", {})  # once is enough
        run = until(lambda: (now := kept.run(deployment)) and now["state_name"] == "Suspended" and now, "the run to ask")
        assert run["auto_scheduled"]
        journal = next(tag for tag in run["tags"] if tag.startswith("journal-"))
        approved = kept.reactal("approve", kept.campaign, "--reason", "Ada")
        assert approved["resumed"] == [run["name"]]
        over = until(lambda: (now := kept.run(deployment)) and now["state_type"] in OVER and now, "the end of the run")
        assert over["state_type"] == "COMPLETED", over["state"]
        assert over["id"] == run["id"] and journal in over["tags"]
        artifacts = {artifact["key"]: artifact for artifact in kept.api.artifacts(run["id"])}
        assert {"leps-verdict", "leps-progress", "leps-report", "leps-dataset", "leps-figure-learning"} <= set(artifacts)
        status = kept.reactal("status", kept.campaign)
        assert status["labels"]["asked"] > 5 and status["report"] in urllib.request.url2pathname(artifacts["leps-report"]["data"])

    def test_the_clock_starts_a_night_that_promotes_or_keeps(self, kept: Kept) -> None:
        dropped = stretched(kept.campaign.parent / "dropped.xyz", 30)
        assert kept.reactal("inbox", "add", kept.campaign, dropped)["added"][0]["frames"] == 30
        file = scheduled(kept.campaign.parent, "nightly-refine", every=20.0)
        kept.reactal("deploy", kept.campaign, "--pool", "reactal", "--file", file)
        deployment = kept.api.ask("/deployments/name/nightly-refine/nightly-refine")["id"]
        until(lambda: kept.run(deployment), "the clock")
        kept.api.ask(f"/deployments/{deployment}/pause_deployment", {})
        over = until(lambda: (now := kept.run(deployment)) and now["state_type"] in OVER and now, "the end of the night")
        assert over["state_type"] == "COMPLETED" and over["auto_scheduled"], over["state"]
        (page,) = [artifact for artifact in kept.api.artifacts(over["id"]) if artifact["key"] == "leps-night"]
        verdict = page["description"].rpartition(": ")[2]
        assert verdict in ("promoted", "kept")
        history = kept.reactal("champion", kept.campaign)["history"]
        assert len(history) == (2 if verdict == "promoted" else 1)
        client = MlflowClient(kept.links["mlflow"])
        experiment = client.get_experiment_by_name("reactal-nights")
        assert experiment is not None
        nights = client.search_runs([experiment.experiment_id])
        assert any("force_mae" in run.data.metrics and "champion_force_mae" in run.data.metrics for run in nights)

    def test_stop_ends_all_of_it(self, kept: Kept) -> None:
        told = kept.reactal("up", kept.campaign, "--stop")
        assert told["stopped"] is True
        assert kept.process.wait(timeout=120) == 0
        assert not any(
            answers(link) for link in (f"{kept.links['prefect']}/api/health", kept.links["mlflow"], kept.links["dask"])
        )
        assert not (kept.campaign.parent / ".reactal" / "prefect" / "server.json").exists()
        assert kept.reactal("up", kept.campaign, "--stop")["stopped"] is False


def test_a_service_that_ends_is_named_with_its_log(tmp_path: Path) -> None:
    import threading

    from reactal.cli.services import ServiceFailed, services, until_healthy

    with (
        services([("broken", ["no_such_module"], None, "ready")], tmp_path) as started,
        pytest.raises(ServiceFailed, match=r"broken has ended; see .*broken\.log"),
    ):
        until_healthy(started, stopped=threading.Event())


def test_a_tracking_server_elsewhere_is_shown_and_none_is_started() -> None:
    from reactal.cli.up import _mlflow

    links: dict[str, str | None] = {}
    assert _mlflow("https://mlflow.example", links) == [] and links == {"mlflow": "https://mlflow.example"}
    ((_, words, page, _),) = _mlflow("postgresql://ada:EXAMPLE@db/mlflow", links)
    assert page == f"{links['mlflow']}/health" and not any("EXAMPLE" in word for word in words)


def test_ports_that_are_taken_are_left_alone() -> None:
    import socket

    from reactal.cli.services import free_port

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_without_a_campaign_the_folder_last_at_work_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reactal.cli.homes import reactal_folder

    monkeypatch.chdir(tmp_path)
    assert reactal_folder(None) == tmp_path / ".reactal"
    for age, name in enumerate(["one", "examples/two", "three"]):
        store = tmp_path / name / ".reactal" / "store"
        store.mkdir(parents=True)
        for path in (store, store.parent):
            os.utime(path, (1e9 - age, 1e9 - age))
    os.utime(tmp_path / "examples" / "two" / ".reactal" / "store", (2e9, 2e9))
    assert reactal_folder(None) == tmp_path / "examples" / "two" / ".reactal"
    assert reactal_folder(leps_campaign(tmp_path / "mine")) == tmp_path / "mine" / ".reactal"
