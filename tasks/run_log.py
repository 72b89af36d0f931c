"""Progress as log lines of the flow run, where no terminal watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from prefect import get_run_logger

__all__ = ["RunLog"]


@final
class RunLog:
    """A `reactal.progress.Progress`: one line when a stage is over."""

    def __init__(self) -> None:
        self._stage = ""

    def begin(self, stage: str, *, total: int | None = None) -> None:
        self._stage = stage

    def update(self, done: int, facts: Mapping[str, str | int | float] | None = None) -> None:
        """A line for each label would bury the rest."""

    def end(self, summary: str) -> None:
        get_run_logger().info("%s: %s", self._stage, summary)
