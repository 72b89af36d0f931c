"""What a night may spend, and how it goes about it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, final

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Tonight"]

Share = Annotated[float, Field(gt=0.0, lt=1.0)]


@final
class Tonight(BaseModel):
    """Whichever limit is reached first ends the labels; what is labelled by then is still learnt from and judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: int = Field(40, ge=0, title="Labels", description="Reference labels at most, tests included.")
    core_hours: float | None = Field(None, gt=0, title="Core-hours", description="Of labels, at most.")
    money: float | None = Field(
        None, gt=0, title="Money", description="For labels at most, at the campaign's budget.price_per_core_hour."
    )
    until: str | None = Field(
        None,
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        title="End time",
        description="HH:MM in the machine's time zone; no label is begun after it.",
    )
    portion: int = Field(8, ge=1, title="Portion", description="Labels between two looks at the limits.")
    test_share: Share = Field(
        0.25, title="Test share", description="Of tonight's labels: drawn by lot, frozen as a test, and never trained on."
    )
    replay: Share = Field(
        0.5,
        title="Replay",
        description="Share of old labels in a training batch, where the campaign names no training.continual.",
    )
    replicas: int = Field(8, ge=0, title="Replicas", description="Short runs of dynamics that look for weak spots.")
    dynamics_fs: float = Field(200.0, gt=0, title="Dynamics", description="Length of each, fs.")
    confidence: Share = Field(0.95, title="Confidence", description="Of the interval that must lie below zero for a promotion.")
    worse: float = Field(
        0.1, ge=0, title="Worse by", description="Share by which no region or test set may get worse, however noisy it is."
    )
    barrier_slack: float = Field(0.1, ge=0, title="Barrier slack", description="kcal/mol by which the barrier's error may grow.")

    def ends(self, began: datetime) -> datetime | None:
        """The first such time of day after the beginning; `began` knows its time zone."""
        if self.until is None:
            return None
        end = datetime.combine(began.date(), time.fromisoformat(self.until), began.tzinfo)
        return end if end > began else end + timedelta(days=1)
