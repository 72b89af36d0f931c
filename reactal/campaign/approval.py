"""What a person has to approve before it is spent: pure arithmetic over the state and the file."""

from __future__ import annotations

from reactal.campaign.state import CampaignState
from reactal.config import CampaignConfig

__all__ = ["unapproved"]


def unapproved(state: CampaignState, config: CampaignConfig, *, labels: int) -> str | None:
    """Why `labels` more wait for a person, in one sentence; None where nobody need be asked.

    Labels count from the last fresh budget on, money from the beginning, as in `budget`. An approval without a number is one for
    the whole budget. What a label will cost is what those before it did.
    """
    section = config.budget.approve_above
    if section is None or labels <= 0:
        return None
    limits: dict[str, float | None] = {"labels": section.labels, "money": section.money}
    if state.approved is not None:
        limits = state.approved.limits(limits)
    counted = state.labels_asked - state.labels_before + labels
    price = state.core_seconds / 3600.0 * config.budget.price_per_core_hour
    money = price * (1.0 + labels / state.labels_asked) if state.labels_asked else 0.0
    above = [
        f"{reached:.4g} {name} (approved: {limit:g})"
        for name, reached, limit in (("labels", counted, limits["labels"]), ("money", money, limits["money"]))
        if limit is not None and reached > limit
    ]
    return f"the next {labels} labels may bring what is spent to {' and '.join(above)}" if above else None
