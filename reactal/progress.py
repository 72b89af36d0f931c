"""How long work tells whoever watches where it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, final

__all__ = ["NoProgress", "Progress"]


class Progress(Protocol):
    """One stage at a time: begun, updated, ended. Never raises, never slows the work it shows."""

    def begin(self, stage: str, *, total: int | None = None) -> None:
        """A stage starts; `total` units of work if that is known."""

    def update(self, done: int, facts: Mapping[str, str | int | float] | None = None) -> None:
        """`done` units of the stage are through; facts such as failed=1, reused=4 replace those shown."""

    def end(self, summary: str) -> None:
        """The stage is over; one line that says what came of it."""


@final
class NoProgress:
    """Nobody watches."""

    def begin(self, stage: str, *, total: int | None = None) -> None:
        return None

    def update(self, done: int, facts: Mapping[str, str | int | float] | None = None) -> None:
        return None

    def end(self, summary: str) -> None:
        return None
