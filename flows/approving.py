"""A person's word before money is spent: a deployed run is suspended, and its page has a form for it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from prefect import runtime, suspend_flow_run
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.input import RunInput
from pydantic import Field

from flows.naming import journal_tag
from reactal.campaign.decide import Wait
from tasks.driver import Driver

__all__ = ["Approval", "deployed", "resume_suspended", "suspend_until_approved"]


class Approval(RunInput):
    """The form behind the button Resume."""

    labels: Annotated[
        int | None, Field(ge=1, title="Labels in all", description="Then it asks again. Empty: the whole budget.")
    ] = None
    money: Annotated[
        float | None, Field(ge=0.0, title="Money in all", description="Then it asks again. Empty: the whole budget.")
    ] = None
    reason: Annotated[str, Field(title="Who approves, and why", description="Kept in the campaign's journal.")] = (
        "approved on Prefect's page"
    )


def deployed() -> bool:
    """Whether Prefect could start this run again by itself. Only such a run can be suspended."""
    return runtime.deployment.id is not None


def suspend_until_approved(driver: Driver, waiting: Wait) -> None:
    """End this process; the run begins anew when somebody resumes it. Then this returns, and the journal knows who it was."""
    text = f"**{driver.config.name}** waits for approval: {waiting.reason}."
    # a run that begins anew asks by the same key, and finds the answer
    key = f"approval-{driver.state.events}"
    answer = suspend_flow_run(wait_for_input=Approval.with_initial_data(description=text), key=key, timeout=None)
    if answer is not None:
        driver.approve(answer.reason, labels=answer.labels, money=answer.money)


def resume_suspended(*, store: str, name: str, by: str) -> list[str]:
    """Let the suspended runs of a campaign go on, whose journal has the approval already; their names."""
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[journal_tag(store, name)]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])),
    )
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=wanted)
        for run in runs:
            client.resume_flow_run(UUID(str(run.id)), run_input={"reason": by})
    return [run.name for run in runs]
