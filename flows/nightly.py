"""nightly-refine: the same campaign once more, with a fresh label budget and everything it has learnt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow, runtime

from flows.campaign import drive
from flows.naming import flow_run_name
from reactal.runner import Campaign
from tasks.run_log import RunLog

__all__ = ["nightly_refine", "too_late"]


@flow(name="nightly-refine", flow_run_name=flow_run_name, persist_result=False)
def nightly_refine(campaign_file: str, labels: int = 40, grace_hours: float = 6.0) -> dict[str, Any]:
    """Go on with a campaign that is finished. One that a person has paused stays paused.

    A night that was missed is not caught up: a run that begins more than `grace_hours` late does nothing, since the next
    night is near and the machine is somebody's by day.
    """
    if too_late(runtime.flow_run.scheduled_start_time, datetime.now(UTC), grace_hours):
        return {"verdict": "skipped", "why": f"more than {grace_hours:g} h late"}
    with Campaign(campaign_file, settings=[f"budget.labels={labels}"], progress=RunLog()) as driver:
        if driver.state.paused is None:
            driver.resume("nightly refinement")
        return drive(driver)


def too_late(scheduled: datetime, now: datetime, grace_hours: float) -> bool:
    """Whether the run's time is so long ago that it is better left out."""
    return now - scheduled > timedelta(hours=grace_hours)
