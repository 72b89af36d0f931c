"""Where Prefect's states and the journal disagree: runs that are said to be running, and whose driver is gone."""

from __future__ import annotations

import time
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from flows.naming import journal_tag

__all__ = ["crash_orphans"]

GRACE_SECONDS = 2.0
"""Between the end of a driver's lease and the last state of its run."""


def crash_orphans(*, store: str, name: str, but: str | None = None, why: str) -> list[str]:
    """Mark the runs of a campaign that nobody drives as crashed; their names. Asked only by who holds the campaign's lease,
    or knows that nobody does."""
    with get_client(sync_client=True) as client:
        if not _running(client, store, name, but):
            return []
        time.sleep(GRACE_SECONDS)
        orphans = _running(client, store, name, but)
        for run in orphans:
            message = f"the driver of this run ended without a word; {why}"
            client.set_flow_run_state(run.id, Crashed(message=message), force=True)
    return [run.name for run in orphans]


def _running(client: Any, store: str, name: str, but: str | None) -> list[Any]:
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[journal_tag(store, name)]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.CANCELLING])),
    )
    return [run for run in client.read_flow_runs(flow_run_filter=wanted) if str(run.id) != but]
