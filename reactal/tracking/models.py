"""Where trained potentials are offered to others by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from reactal.tracking.base import RunRef

__all__ = ["ModelRegistry"]


class ModelRegistry(Protocol):
    """Versions of a potential under one name, the current one behind an alias. Like the tracker it never stops a campaign."""

    def register(self, run: RunRef, *, name: str, folder: Path, alias: str, tags: Mapping[str, str]) -> None:
        """The potential saved in `folder` becomes the next version of `name`, and `alias` (champion, challenger) points
        at it. The folder may be removed as soon as this returns."""
