"""Copies of files as they are now, for a thread that sends them later."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import final

__all__ = ["Snapshot"]


@final
class Snapshot:
    """A file that cannot be copied is reported when the copies are asked for: in the thread, where failures are caught."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._folder: Path | None = None
        self._files: dict[str, Path] = {}
        self._failure: OSError | None = None
        try:
            self._copy(files)
        except OSError as error:  # shutil.Error is one
            self._failure = error

    def _copy(self, files: Mapping[str, Path]) -> None:
        if files:
            self._folder = Path(tempfile.mkdtemp(prefix="reactal-tracking-"))
            for number, (name, source) in enumerate(files.items()):
                place = self._folder / str(number) / source.name
                place.parent.mkdir()
                self._files[name] = Path(shutil.copytree(source, place) if source.is_dir() else shutil.copy2(source, place))

    def files(self) -> Mapping[str, Path]:
        """The copies by the names their originals had."""
        if self._failure is not None:
            raise self._failure
        return self._files

    def remove(self) -> None:
        """The copies are no longer needed."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
