"""Where a campaign's numbers are shown while it runs; nothing reads them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

__all__ = ["DatasetRef", "DatasetTracker", "RunRef", "Tracker"]

RunRef = str  # a run's id at the tracker; "" at the null tracker


class Tracker(Protocol):
    """Runs in a tree: campaign > iteration > committee member.

    `open_run` is idempotent: the same path of names under the same campaign gives the run it gave before, also after a
    restart, so that a killed campaign goes on in the same runs. Losing the tracker never stops a campaign: implementations
    log one warning and go on.
    """

    def open_run(self, path: tuple[str, ...], *, tags: Mapping[str, str], params: Mapping[str, Any]) -> RunRef:
        """The run at `path`, e.g. ("sn2",), ("sn2", "iteration 3"), ("sn2", "iteration 3", "member 0")."""

    def log(
        self,
        run: RunRef,
        *,
        metrics: Mapping[str, float] | None = None,
        series: Mapping[str, list[tuple[int, float]]] | None = None,
        files: Mapping[str, Path] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Final numbers, curves as (step, value), files by artifact folder, tags."""

    def close_run(self, run: RunRef, *, ok: bool) -> None:
        """Mark the run finished or failed."""


@final
@dataclass(frozen=True)
class DatasetRef:
    """A data set that a run used: its name, its version or hash, where it lies, how many structures and atoms it has, and
    what for (training, test)."""

    name: str
    digest: str
    url: str
    structures: int
    atoms: int
    context: str


class DatasetTracker(Protocol):
    """Data sets beside runs."""

    def use_dataset(self, run: RunRef, dataset: DatasetRef) -> None:
        """The run used it; told twice, it is there once."""
