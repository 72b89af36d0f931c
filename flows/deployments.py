"""The deployments of prefect.yaml, served by a process of ours or by workers of a pool. One file says what there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import yaml
from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import TerminationSignal
from prefect.runner import Runner
from prefect.schedules import Cron, Interval, RRule, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.campaign import campaign
from flows.compare import compare
from flows.density import density
from flows.nightly import nightly_refine
from flows.stages import explore, label, train, validate

__all__ = ["FLOWS", "deployments", "serve_all"]

FLOWS: Mapping[str, Flow[..., Any]] = {
    "flows/campaign.py:campaign": campaign,
    "flows/nightly.py:nightly_refine": nightly_refine,
    "flows/compare.py:compare": compare,
    "flows/density.py:density": density,
    "flows/stages.py:label": label,
    "flows/stages.py:train": train,
    "flows/stages.py:explore": explore,
    "flows/stages.py:validate": validate,
}


def deployments(file: Path, *, campaign_file: str | None = None) -> list[RunnerDeployment]:
    """Each deployment of the file; the campaign, where one is given, takes the place of the file's own."""
    listed = yaml.safe_load(file.read_text(encoding="utf-8")).get("deployments") or []
    return [_deployment(entry, campaign_file) for entry in listed]


def serve_all(made: Sequence[RunnerDeployment], *, limit: int, registered: Callable[[], None]) -> None:
    """Register them, say so, and carry out their runs, at most `limit` at a time, until Ctrl-C. Then the schedules pause."""
    runner = Runner(limit=limit)
    for deployment in made:
        runner.add_deployment(deployment)
    registered()
    with suppress(KeyboardInterrupt, TerminationSignal):
        asyncio.run(runner.start())


def _deployment(entry: Mapping[str, Any], campaign_file: str | None) -> RunnerDeployment:
    limit, given = entry.get("concurrency_limit"), entry.get("parameters") or {}
    made = FLOWS[entry["entrypoint"]].to_deployment(
        name=entry["name"],
        description=entry.get("description"),
        tags=entry.get("tags"),
        parameters=given if campaign_file is None else _about(given, campaign_file),
        schedules=[_schedule(one) for one in entry.get("schedules", [])],
        concurrency_limit=None if limit is None else ConcurrencyLimitConfig(**limit),
        # by import, so that it works from wherever the packages are installed
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return cast(RunnerDeployment, made)


def _about(parameters: Mapping[str, Any], campaign_file: str) -> dict[str, Any]:
    """The same with this campaign, at whatever depth the flow asks for one."""
    return {
        name: campaign_file if name == "campaign_file" else _about(value, campaign_file) if isinstance(value, Mapping) else value
        for name, value in parameters.items()
    }


def _schedule(entry: Mapping[str, Any]) -> Schedule:
    """As Prefect's own files have it: `cron`, or `interval` in seconds from `anchor_date` on, or `rrule`."""
    given = {"timezone": entry.get("timezone"), "active": entry.get("active", True)}
    if "interval" in entry:
        anchor = entry.get("anchor_date")
        when = {} if anchor is None else {"anchor_date": datetime.fromisoformat(str(anchor))}
        return Interval(timedelta(seconds=float(entry["interval"])), **when, **given)
    if "rrule" in entry:
        return RRule(entry["rrule"], **given)
    return Cron(entry["cron"], **given)
