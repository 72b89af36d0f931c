"""The tracker of those who want none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from reactal.tracking.base import DatasetRef, RunRef

__all__ = ["NullTracker"]


@final
class NullTracker:
    """Takes everything, keeps nothing."""

    def open_run(self, path: tuple[str, ...], *, tags: Mapping[str, str], params: Mapping[str, Any]) -> RunRef:
        return ""

    def log(
        self,
        run: RunRef,
        *,
        metrics: Mapping[str, float] | None = None,
        series: Mapping[str, list[tuple[int, float]]] | None = None,
        files: Mapping[str, Path] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        return None

    def close_run(self, run: RunRef, *, ok: bool) -> None:
        return None

    def use_dataset(self, run: RunRef, dataset: DatasetRef) -> None:
        return None

    def register(
        self,
        run: RunRef,
        *,
        name: str,
        folder: Path,
        alias: str,
        tags: Mapping[str, str],
        example: Mapping[str, Any] | None = None,
    ) -> None:
        return None

    def send(self) -> None:
        return None

    def registered(self, name: str, alias: str) -> None:
        return None

    def run_id(self, run: RunRef, *, patience: float = 0.0) -> str | None:
        return None

    def flush(self, *, patience: float = 0.0) -> bool:
        return True

    def close(self, *, patience: float = 0.0) -> None:
        return None
