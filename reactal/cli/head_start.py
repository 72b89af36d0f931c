"""A campaign whose first action is under way while Prefect's server still starts, so that the start costs no time."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from reactal.campaign.decide import Action
    from reactal.campaign.events import Event
    from reactal.campaign.state import CampaignState
    from reactal.config import CampaignConfig
    from reactal.runner import Campaign

__all__ = ["HeadStart"]


@final
class HeadStart:
    """Stands for the campaign: the first `carry_out` waits for what has begun already, all others go straight through.

    Until then nothing else of the campaign is asked, since it belongs to the thread that carries the action out.
    """

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._state = campaign.state
        self._first: Action | None = campaign.next_action()
        self._under_way: Future[Event] = Future()
        # a daemon: after Ctrl-C nobody waits for it, and the campaign's close ends what it waits for
        threading.Thread(target=self._carry_out, args=(self._first,), name="head start", daemon=True).start()

    @property
    def config(self) -> CampaignConfig:
        return self._campaign.config

    @property
    def state(self) -> CampaignState:
        return self._state if self._first is not None else self._campaign.state

    @property
    def dashboard(self) -> str | None:
        return self._campaign.dashboard

    def next_action(self) -> Action:
        """As the campaign's."""
        return self._first if self._first is not None else self._campaign.next_action()

    def carry_out(self, action: Action) -> Event:
        """As the campaign's."""
        if self._first is None:
            return self._campaign.carry_out(action)
        try:
            return self._under_way.result()
        finally:
            self._first = None

    def approve(self, reason: str, *, labels: int | None = None, money: float | None = None) -> None:
        """As the campaign's."""
        self._campaign.approve(reason, labels=labels, money=money)

    def summary(self) -> dict[str, Any]:
        """As the campaign's."""
        return self._campaign.summary()

    def _carry_out(self, action: Action) -> None:
        try:
            self._under_way.set_result(self._campaign.carry_out(action))
        except BaseException as error:
            self._under_way.set_exception(error)
