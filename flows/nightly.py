"""nightly-refine: the champion measured on what came in, a challenger taught within tonight's budget, the better one kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow, get_run_logger, runtime
from prefect.artifacts import create_markdown_artifact

from flows.naming import flow_run_name
from reactal.night import Night
from reactal.refinement.decide import Over
from reactal.refinement.plan import Tonight
from tasks.board import artifact_key
from tasks.nightly import STEPS
from tasks.notifying import Told
from tasks.run_log import RunLog

__all__ = ["nightly_refine", "too_late"]


@flow(name="nightly-refine", flow_run_name=flow_run_name, persist_result=False)
def nightly_refine(
    campaign_file: str,
    tonight: Tonight | None = None,
    labels: int | None = None,
    grace_hours: float = 6.0,
    notify: list[str] | None = None,
) -> dict[str, Any]:
    """Refine a finished campaign for one night.

    A night that was missed is not caught up: a run that begins more than `grace_hours` late does nothing, since the next
    night is near and the machine is somebody's by day.

    Args:
        campaign_file: The campaign file.
        tonight: What the night may spend, and how it goes about it.
        labels: Labels at most; takes the place of tonight's own number.
        grace_hours: Hours by which a run may begin late.
        notify: Notification blocks that hear of promotions, halts and failures, as slack-webhook/ours or sendgrid-email/us.
    """
    if too_late(runtime.flow_run.scheduled_start_time, datetime.now(UTC), grace_hours):
        return {"verdict": "skipped", "why": f"more than {grace_hours:g} h late"}
    plan = tonight or Tonight.model_validate({})
    plan = plan if labels is None else plan.model_copy(update={"labels": labels})
    told = Told(tuple(notify or ()))
    with Night(campaign_file, plan=plan, progress=RunLog(), notifier=told) as driver:
        return drive(driver)


def drive(driver: Night) -> dict[str, Any]:
    """Inside a flow run: one task run for each step."""
    try:
        while not isinstance(step := driver.next_step(), Over):
            STEPS[type(step)](driver, step)
        driver.hand_over()
    except Exception as error:
        if driver.driving:
            driver.failed(error)
        raise
    summary = driver.summary()
    name = artifact_key(driver.config.name)
    create_markdown_artifact(driver.page(), key=f"{name}-night", description=f"{summary['night']}: {summary['verdict']}")
    get_run_logger().info("%s: %s", summary["verdict"], summary["why"])
    return summary


def too_late(scheduled: datetime, now: datetime, grace_hours: float) -> bool:
    """Whether the run's time is so long ago that it is better left out."""
    return now - scheduled > timedelta(hours=grace_hours)
