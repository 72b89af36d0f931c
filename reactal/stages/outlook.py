"""How fast a campaign goes, what it has cost, and how long it can still take: from its events alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reactal.campaign.budget import remaining
from reactal.campaign.events import BatchChosen, Calibrated, Event, Explored, Labelled, Trained
from reactal.campaign.state import CampaignState
from reactal.config import CampaignConfig

__all__ = ["cost", "outlook"]

RECENT = 3  # rounds whose pace is taken for that of the next


def cost(state: CampaignState, config: CampaignConfig) -> dict[str, float]:
    """Core-hours of the labels and their price."""
    hours, price = state.core_seconds / 3600.0, config.budget.price_per_core_hour
    return {"core_hours": hours, "money": hours * price, "price_per_core_hour": price}


def outlook(events: Sequence[Event], state: CampaignState, config: CampaignConfig) -> dict[str, Any]:
    """Pace of the last rounds, and the longest that the rest of the budget can take at it. None: not known yet, or over.

    A campaign may be verified long before its budget is spent, so the end is an upper bound."""
    rounds, recent = _recent(events)
    labels = sum(event.asked for event in recent if isinstance(event, Labelled))
    labelling = sum(event.seconds for event in recent if isinstance(event, Labelled))
    seconds = sum(event.seconds for event in recent)
    left = None
    if labels and state.outcome is None:
        left = _least_left(state, config, labels=labels, seconds=seconds)
    return {
        "labels_per_hour": 3600.0 * labels / labelling if labelling > 0 else None,
        "seconds_per_round": seconds / rounds if rounds else None,
        "labels_per_round": labels / rounds if rounds else None,
        "seconds_left_at_most": left,
    }


def _recent(events: Sequence[Event]) -> tuple[int, list[Trained | Explored | BatchChosen | Calibrated | Labelled]]:
    """The last rounds that ended, each from a training to the last labels before the next, and how many they are."""
    work = [event for event in events if isinstance(event, Trained | Explored | BatchChosen | Calibrated | Labelled)]
    begins = [i for i, event in enumerate(work) if isinstance(event, Trained)]
    ends = [i for i, event in enumerate(work) if isinstance(event, Labelled)]
    over = [begin for begin in begins if ends and ends[-1] > begin][-RECENT:]
    return len(over), work[over[0] : ends[-1] + 1] if over else []


def _least_left(state: CampaignState, config: CampaignConfig, *, labels: int, seconds: float) -> float:
    """Until the first limit of the budget is met, at the pace of these rounds."""
    budget = config.budget
    limits = [remaining(state, config).labels * seconds / labels]
    if budget.minutes is not None:
        limits.append(60.0 * budget.minutes - (state.wall_seconds - state.seconds_before))
    hours_a_second = state.core_seconds / 3600.0 / max(state.wall_seconds, 1e-9)
    for limit in (budget.core_hours, None if budget.money is None else budget.money / max(budget.price_per_core_hour, 1e-12)):
        if limit is not None and hours_a_second > 0:
            limits.append((limit - state.core_seconds / 3600.0) / hours_a_second)
    return max(min(limits), 0.0)
