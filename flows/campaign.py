"""The campaign as a Prefect flow: decide, carry out, show, until there is nothing left to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from prefect import Flow, State, flow, runtime
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings
from prefect.states import Cancelled

from flows.approving import deployed, suspend_until_approved
from flows.naming import flow_run_name, journal_tag
from flows.parameters import CampaignRequest
from flows.reconciling import crash_orphans
from reactal.campaign.decide import Calibrate, Done, Explore, Finish, LabelBatch, Seed, Select, Train, Verify, Wait
from reactal.errors import DriverConflict
from reactal.legs import run_legs
from reactal.runner import Campaign
from tasks import actions
from tasks.board import Board
from tasks.driver import Driver
from tasks.run_log import RunLog

__all__ = ["ALREADY_DRIVEN", "campaign", "campaign_flow", "drive"]

Summary = dict[str, Any]
ALREADY_DRIVEN = "AlreadyDriven"

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
def campaign(request: CampaignRequest) -> Summary | State[Any]:
    """Start the campaign of this file, go on with it, or find that it is done. Where another drives it, nothing is done.

    No retries of the whole: tasks are tried again where that may help, and a run that is started anew goes on from the journal.
    """
    try:
        with Campaign(request.campaign_file, settings=request.settings, progress=RunLog()) as driver:
            if not isinstance(driver.next_action(), Done | Wait):
                driver.begin()
            summary = drive(driver)
        return summary | leg_by_leg(request, summary)
    except DriverConflict as error:
        return Cancelled(name=ALREADY_DRIVEN, message=str(error))


def campaign_flow(
    driver: Driver, meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Flow[[CampaignRequest], Summary]:
    """The same flow for a campaign that was begun already.

    `meanwhile` holds while the campaign is driven: inside Prefect's own handling of signals, which knows nothing of an
    exception that Python swallows.
    """

    @flow(name="campaign", flow_run_name=flow_run_name, persist_result=False)
    def opened(request: CampaignRequest) -> Summary:  # noqa: ARG001 - the run's page shows it
        with meanwhile():
            return drive(driver)

    return opened


def leg_by_leg(request: CampaignRequest, whole: Summary) -> Summary:
    """The legs of a stepwise reaction, in the same flow run; what is new in the whole one's summary then."""
    if whole["verdict"] != "stepwise":
        return {}
    file, settings = Path(request.campaign_file), request.settings
    if not run_legs(file, settings, lambda leg, _: drive(leg), progress=RunLog()):
        return {}
    with Campaign(file, settings=settings) as driver:
        return {name: value for name, value in driver.summary().items() if name in ("legs", "profile")}


def drive(driver: Driver) -> Summary:
    """Inside a flow run, by who holds the campaign's lease or finds nothing to do: one task run for each action."""
    tag_run(driver)
    if not isinstance(driver.next_action(), Done | Wait):
        this = f"run {runtime.flow_run.name} goes on from the journal"
        crash_orphans(store=driver.config.store, name=driver.config.name, but=str(runtime.flow_run.id), why=this)
    board = Board(driver)
    while not isinstance(action := driver.next_action(), Done):
        if isinstance(action, Wait):
            if not (action.approval and deployed()):
                break
            suspend_until_approved(driver, action)
            continue
        _TASKS[type(action)](driver, action)
        board.show()
    summary = driver.summary() | {"prefect": {"api": get_current_settings().api.url, "flow_run": str(runtime.flow_run.id)}}
    board.conclude(summary)
    return summary


def tag_run(driver: Driver) -> None:
    """Names by which the run is found: the campaign's, its formula, and that of its journal."""
    config = driver.config
    tags = ["reactal", config.name, config.ends[0].formula, journal_tag(config.store, config.name)]
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, tags=sorted({*runtime.flow_run.tags, *tags}))
