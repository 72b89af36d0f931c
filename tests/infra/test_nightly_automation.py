"""The automation of infra/prefect is one that Prefect takes."""

from __future__ import annotations

from pathlib import Path

import yaml
from prefect.events.schemas.automations import AutomationCore

from flows.nightly import nightly_refine

FILE = Path(__file__).parents[2] / "infra" / "prefect" / "nightly-automation.yaml"


def test_prefect_takes_the_automation_and_it_watches_the_flow_of_that_name() -> None:
    made = AutomationCore.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    assert made.trigger.match_related["prefect.resource.name"] == [nightly_refine.name]  # type: ignore[union-attr]
    assert {"prefect.flow-run.Failed", "prefect.flow-run.Crashed"} <= set(made.trigger.expect)  # type: ignore[union-attr]
    (action,) = made.actions
    assert action.type == "send-notification"


def test_a_deployment_s_form_explains_what_a_night_may_spend() -> None:
    schema = nightly_refine.parameters.model_dump()
    tonight = schema["definitions"]["Tonight"]["properties"]
    assert tonight["labels"]["title"] == "Labels" and "tests included" in tonight["labels"]["description"]
    assert all(field.get("title") and field.get("description") for field in tonight.values())
    assert "grace_hours" in schema["properties"] and "late" in schema["properties"]["grace_hours"]["description"]
