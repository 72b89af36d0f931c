"""A cluster that grows with the work: how far it may, and how it hears of labels that no slot has room for yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final
from uuid import uuid4

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DASK_TARGET", "Growth", "Wishes"]

GROWTH = "growth"
"""A Dask resource that no worker offers."""
DASK_TARGET = "1ms"
"""Of work for each worker, for Dask's adaptive scaling: one label is always worth a slot."""


@final
@dataclass(frozen=True)
class Growth:
    """What a label pool knows of a cluster that grows."""

    most_slots: int
    patience_s: float
    """For the first worker."""
    advice: str
    """Where to look when none comes."""


@final
class Wishes:
    """Tasks that no worker can run, one for each slot that is missing.

    Dask's adaptive scaling, wherever it runs, counts the tasks that its scheduler knows. A pool hands over no more labels than
    there are slots, so that a dying worker takes one alone with it; what waits in the pool is seen by these instead.
    """

    def __init__(self, client: Client, growth: Growth | None) -> None:
        self._client = client
        self._most = growth.most_slots if growth else 0
        self._made: list[Future[Any]] = []

    def ask(self, labels: int, *, busy: int) -> None:
        """Slots for so many labels, `busy` of which have theirs."""
        number = max(0, min(labels, self._most) - busy)
        while len(self._made) < number:
            wish = self._client.submit(_never_run, resources={GROWTH: 1}, pure=False, key=f"{GROWTH}-{uuid4().hex}")
            self._made.append(wish)
        if len(self._made) > number:
            granted, self._made = self._made[number:], self._made[:number]
            self._client.cancel(granted)

    def withdraw(self) -> None:
        if self._client.status == "running":
            self.ask(0, busy=0)


def _never_run() -> None: ...
