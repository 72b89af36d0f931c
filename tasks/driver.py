"""What tasks and flows need of a campaign."""

from __future__ import annotations

from typing import Any, Protocol

from reactal.campaign.decide import Action
from reactal.campaign.events import Event
from reactal.campaign.state import CampaignState
from reactal.config import CampaignConfig

__all__ = ["Driver"]


class Driver(Protocol):
    """`reactal.runner.Campaign`, or what stands for one."""

    @property
    def config(self) -> CampaignConfig:
        """The campaign file, resolved."""

    @property
    def state(self) -> CampaignState:
        """Where it stands."""

    @property
    def dashboard(self) -> str | None:
        """The page of the Dask cluster that works for it now; None where there is none."""

    def next_action(self) -> Action:
        """What is to be done now."""

    def carry_out(self, action: Action) -> Event:
        """Do it; what came of it is in the journal when this returns."""

    def approve(self, reason: str, *, labels: int | None = None, money: float | None = None) -> None:
        """Let it spend beyond what it may without a person."""

    def summary(self) -> dict[str, Any]:
        """One JSON object that says how it stands."""
