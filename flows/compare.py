"""A comparison of strategies as a Prefect flow: prepare, the starts, all rounds, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prefect import Flow, flow

from flows.naming import compare_run_name
from reactal.comparison.request import Request
from reactal.contest import ContestDriver, open_contest
from tasks import comparing
from tasks.run_log import RunLog

__all__ = ["compare", "compare_flow", "drive"]


@flow(name="compare", flow_run_name=compare_run_name, persist_result=False)
def compare(request: Request) -> dict[str, Any]:
    """Compare strategies as asked, go on with it, or find that it is done."""
    with open_contest(request, progress=RunLog()) as driver:
        return drive(driver)


def compare_flow(
    driver: ContestDriver, meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Flow[[Request], dict[str, Any]]:
    """The same flow for a comparison that is open already; `meanwhile` as in `flows.campaign`."""

    @flow(name="compare", flow_run_name=compare_run_name, persist_result=False)
    def opened(request: Request) -> dict[str, Any]:  # noqa: ARG001 - the run's page shows it
        with meanwhile():
            return drive(driver)

    return opened


def drive(driver: ContestDriver) -> dict[str, Any]:
    """Inside a flow run."""
    comparing.prepare(driver)
    comparing.starts(driver)
    return comparing.conclude(driver, comparing.compete(driver))
