"""Where trained potentials are offered to others by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

from reactal.tracking.base import RunRef

__all__ = ["MODEL_TAG", "ModelRegistry", "Registered"]

MODEL_TAG = "model"  # a version's id in the store of its campaign


class ModelRegistry(Protocol):
    """Versions of a potential under one name, the current one behind an alias. Like the tracker it never stops a campaign."""

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
        """The potential saved in `folder` becomes the next version of `name`, and `alias` (champion, challenger) points
        at it. A version with the same tag `model` is not made again: the alias is moved. `example` is a row that the model
        answers. The folder may be removed as soon as this returns."""


@final
@dataclass(frozen=True)
class Registered:
    """One version of a model: its number, its tags, its URI, and the URI of the tracker that has it."""

    version: str
    tags: Mapping[str, str]
    uri: str
    tracker: str
