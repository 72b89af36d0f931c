"""The campaign as a Prefect flow: decide, carry out, show, until there is nothing left to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prefect import Flow, flow, runtime
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from flows.naming import flow_run_name
from reactal.campaign.decide import Calibrate, Done, Explore, Finish, LabelBatch, Seed, Select, Train, Verify, Wait
from reactal.runner import Campaign
from tasks import actions
from tasks.board import Board
from tasks.driver import Driver
from tasks.run_log import RunLog

__all__ = ["campaign", "campaign_flow", "drive"]

Summary = dict[str, Any]

_TASKS = {
    Seed: actions.seed,
    LabelBatch: actions.label,
    Calibrate: actions.calibrate,
    Train: actions.train,
    Explore: actions.explore,
    Select: actions.select,
    Verify: actions.validate,
    Finish: actions.finish,
}


@flow(name="campaign", flow_run_name=flow_run_name, persist_result=False)
def campaign(campaign_file: str, settings: list[str] | None = None) -> Summary:
    """Start the campaign of this file, go on with it, or find that it is done."""
    with Campaign(campaign_file, settings=settings or (), progress=RunLog()) as driver:
        return drive(driver)


def campaign_flow(
    driver: Driver, meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Flow[[str, list[str]], Summary]:
    """The same flow for a campaign that is open already and was found to be in order.

    `meanwhile` holds while the campaign is driven: inside Prefect's own handling of signals, which knows nothing of an
    exception that Python swallows.
    """

    @flow(name="campaign", flow_run_name=flow_run_name, persist_result=False)
    def opened(campaign_file: str, settings: list[str]) -> Summary:  # noqa: ARG001 - the run's page shows them
        with meanwhile():
            return drive(driver)

    return opened


def drive(driver: Driver) -> Summary:
    """Inside a flow run: one task run for each action."""
    tag_run(driver)
    board = Board(driver)
    while not isinstance(action := driver.next_action(), Done | Wait):
        _TASKS[type(action)](driver, action)
        board.show()
    summary = driver.summary() | {"prefect": {"api": get_current_settings().api.url, "flow_run": str(runtime.flow_run.id)}}
    board.conclude(summary)
    return summary


def tag_run(driver: Driver) -> None:
    """Names by which the run is found: the campaign's, and its formula."""
    tags = ["reactal", driver.config.name, driver.config.ends[0].formula]
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, tags=sorted({*runtime.flow_run.tags, *tags}))
