"""Single stages and the campaign as flows in this process, at a real Prefect server: results, refusals, who drives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Running

from flows.campaign import ALREADY_DRIVEN, campaign
from flows.naming import journal_tag
from flows.parameters import CampaignRequest, LabelRequest, ValidateRequest
from flows.reconciling import crash_orphans
from flows.server import using
from flows.stages import label, validate
from reactal.errors import InputError
from reactal.runner import Campaign
from tasks.commands import TimeLimit
from tests.cli.toy import REACTANT, leps_campaign
from tests.flows.conftest import Api

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(autouse=True)
def at_the_server(prefect: Api) -> Any:
    with using(prefect.url, {name: value for name, value in prefect.environment.items() if name.startswith("PREFECT_")}):
        yield


def asked(folder: Path, **more: Any) -> LabelRequest:
    (folder / "r.xyz").write_text(REACTANT)
    return LabelRequest(
        frames=str(folder / "r.xyz"), theory="leps/none", program="ase", multiplicity="2", slots=1,
        out=str(folder / "labelled.extxyz"), store=str(folder / "store"), **more,
    )  # fmt: skip


def test_labels_as_a_flow_run(prefect: Api, tmp_path: Path) -> None:
    result = label(asked(tmp_path))
    assert result["computed"] == 1 and Path(result["out"]).is_file()
    (run,) = [run for run in prefect.ask("/flow_runs/filter", {}) if run["name"].startswith("label r.xyz · ")]
    assert run["state_type"] == "COMPLETED"
    shown = {artifact["key"]: artifact["data"] for artifact in prefect.artifacts(run["id"])}
    assert '"computed", "value": 1' in shown["label-result"] and "reactal label" in shown["label-command"]
    logs = prefect.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}})
    assert any(line["message"].startswith("label: ") for line in logs)


def test_a_time_limit_stops_the_command(tmp_path: Path) -> None:
    with pytest.raises(TimeLimit, match=r"reactal label was stopped after its 1e-05 minutes; run it again to go on"):
        label(asked(tmp_path, minutes=1e-5))


def test_a_mistake_is_the_commands_own_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        validate(ValidateRequest(model=str(tmp_path / "nowhere")))


def test_a_second_driver_does_nothing_and_says_who_is_at_work(tmp_path: Path) -> None:
    file = leps_campaign(tmp_path)
    with Campaign(file) as first:
        first.begin()
        state = campaign(CampaignRequest(campaign_file=str(file)), return_state=True)
    assert (state.name, state.is_cancelled()) == (ALREADY_DRIVEN, True)
    assert f"process {os.getpid()}" in str(state.message)


def test_runs_that_nobody_drives_are_marked_and_others_left_alone(tmp_path: Path) -> None:
    store, names = str(tmp_path / "store"), ("mine", "other")
    with get_client(sync_client=True) as client:
        runs = [
            client.create_flow_run(campaign, parameters={}, name=name, tags=[journal_tag(store, tag)], state=Running())
            for name, tag in (("dead", "mine"), ("alive", "mine"), ("stranger", "other"))
        ]
        assert crash_orphans(store=store, name=names[0], but=str(runs[1].id), why="it goes on") == ["dead"]
        states = {run.name: client.read_flow_run(run.id).state for run in runs}
    assert states["dead"].is_crashed() and "ended without a word; it goes on" in states["dead"].message
    assert states["alive"].is_running() and states["stranger"].is_running()
    assert crash_orphans(store=store, name=names[0], but=str(runs[1].id), why="") == []
