"""Both deployments of prefect.yaml, served by `reactal deploy` and run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reactal.night import Night
from tests.cli.toy import leps_campaign
from tests.flows.conftest import Api, until

pytestmark = [pytest.mark.server, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
OVER = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(frozen=True)
class Served:
    api: Api
    campaign: Path
    said: dict[str, Any]

    def deployment(self, name: str) -> dict[str, Any]:
        return self.api.ask(f"/deployments/name/{name}")

    def run(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Start a run as anybody may, and wait for its end."""
        identity = self.deployment(name)["id"]
        run = self.api.ask(f"/deployments/{identity}/create_flow_run", {"parameters": parameters})

        def ended() -> dict[str, Any] | None:
            now = self.api.ask(f"/flow_runs/{run['id']}")
            return now if now["state_type"] in OVER else None

        return until(ended, f"the end of {name}")


@pytest.fixture(scope="module")
def served(prefect: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    file = leps_campaign(tmp_path_factory.mktemp("deployed"))
    command = [sys.executable, "-m", "reactal.cli.main", "deploy", str(file), "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=prefect.environment, cwd=ROOT
    )
    assert process.stdout is not None
    told = ""
    while not told.endswith("}\n"):
        line = process.stdout.readline()
        assert line, f"`reactal deploy` ended with {process.wait()}: {told}"
        told += line
    try:
        yield Served(prefect, file, json.loads(told))
    finally:
        for _ in range(4):  # Prefect's runner may be where it takes the first for somebody else's: a person asks again
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
                break
        assert process.poll() == 0


def test_both_are_registered(served: Served) -> None:
    assert {"campaign/campaign", "nightly-refine/nightly-refine", "label/label"} < set(served.said["deployments"])
    on_demand = served.deployment("campaign/campaign")
    assert on_demand["schedules"] == []
    assert on_demand["parameters"]["request"]["campaign_file"] == str(served.campaign)
    nightly = served.deployment("nightly-refine/nightly-refine")
    (schedule,) = nightly["schedules"]
    assert schedule["schedule"]["cron"] == "0 2 * * *" and schedule["schedule"]["timezone"] == "UTC"
    assert nightly["global_concurrency_limit"]["limit"] == 1
    assert nightly["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_campaign_runs_on_demand_and_nightly_refines_it(served: Served) -> None:
    first = served.run("campaign/campaign")
    assert first["state_type"] == "COMPLETED", first["state"]
    assert {"reactal", "leps", "H3"} <= set(first["tags"])
    logs = served.api.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [first["id"]]}}})
    assert any(line["message"].startswith("label 0: ") for line in logs)
    before = _events(served.campaign)
    assert before[-1] == "finished"

    second = served.run("nightly-refine/nightly-refine", labels=12)
    assert second["state_type"] == "COMPLETED", second["state"]
    assert _events(served.campaign) == before, "a night has a journal of its own"
    with Night(served.campaign) as night:
        assert night.state.concluded is not None and 0 < night.state.asked <= 12
    assert "leps-night" in {artifact["key"] for artifact in served.api.artifacts(second["id"])}


def _events(campaign: Path) -> list[str]:
    from reactal.runner import Campaign

    with Campaign(campaign) as driver:
        return [event.kind for event in driver.events]


def test_a_missed_night_is_not_caught_up() -> None:
    from flows.nightly import too_late

    night = datetime(2026, 11, 20, 2, tzinfo=UTC)
    assert not too_late(night, night + timedelta(hours=1), grace_hours=6)
    assert too_late(night, night + timedelta(hours=7), grace_hours=6)
