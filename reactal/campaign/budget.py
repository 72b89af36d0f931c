"""What a campaign may spend, and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from reactal.campaign.state import CampaignState
from reactal.config import CampaignConfig

__all__ = ["Remaining", "remaining"]


@final
@dataclass(frozen=True)
class Remaining:
    """Labels left, and the first limit that is reached (None while there is room)."""

    labels: int
    spent: str | None


def remaining(state: CampaignState, config: CampaignConfig) -> Remaining:
    """Labels count when asked for, so that a decision never depends on what the store already holds."""
    budget = config.budget
    labels = budget.labels - (state.labels_asked - state.labels_before)
    core_hours = state.core_seconds / 3600.0
    minutes = (state.wall_seconds - state.seconds_before) / 60.0
    money = core_hours * budget.price_per_core_hour
    limits = (
        ("labels", labels < config.selection.focus_batch, f"{budget.labels} labels"),
        ("core-hours", budget.core_hours is not None and core_hours >= budget.core_hours, f"{budget.core_hours} core-hours"),
        ("minutes", budget.minutes is not None and minutes >= budget.minutes, f"{budget.minutes} minutes"),
        ("money", budget.money is not None and money >= budget.money, f"{budget.money} in money"),
    )
    spent = next((f"the budget of {text} is spent" for _, over, text in limits if over), None)
    return Remaining(labels=max(labels, 0), spent=spent)
