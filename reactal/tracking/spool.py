"""What a tracker is to be told, as files in order: an outage or a kill loses nothing of it."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

__all__ = ["Message", "Spool"]

MESSAGE, REFUSED, UNFINISHED = "message.json", "refused", "."


@final
@dataclass(frozen=True)
class Message:
    """One call: its name, what it is told, copies of files by the names they were given."""

    folder: Path
    call: str
    told: Mapping[str, Any]
    files: Mapping[str, Path]


@final
class Spool:
    """A folder for each message. One process writes, and one thread of it sends: a campaign has one driver.

    Without a `folder` of its own a temporary one is made when the first message comes, and goes with `close`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._given, self._temporary = folder, folder is None
        self._lock = threading.Lock()
        self._last = 0

    @property
    def folder(self) -> Path:
        if self._given is None:
            self._given = Path(tempfile.mkdtemp(prefix="reactal-tracking-"))
        return self._given

    def add(self, call: str, told: Mapping[str, Any], files: Mapping[str, Path] | None = None) -> None:
        """Files are copied now: they may be removed as soon as this returns. `OSError` where they cannot be."""
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            name = f"{self._last:020d}"
        place = self.folder / f"{UNFINISHED}{name}"
        place.mkdir(parents=True)
        copied = {}
        for number, (key, source) in enumerate((files or {}).items()):
            target = place / str(number) / source.name
            target.parent.mkdir()
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
            copied[key] = f"{number}/{source.name}"
        (place / MESSAGE).write_text(json.dumps({"call": call, "told": dict(told), "files": copied}), encoding="utf-8")
        place.replace(self.folder / name)

    def waiting(self) -> tuple[Path, ...]:
        """Folders of messages that are not sent, the oldest first."""
        if self._given is None or not self._given.is_dir():
            return ()
        return tuple(sorted(path for path in self._given.iterdir() if path.name.isdecimal()))

    def read(self, folder: Path) -> Message:
        """The message in this folder."""
        kept = json.loads((folder / MESSAGE).read_text(encoding="utf-8"))
        files = {key: folder / place for key, place in kept["files"].items()}
        return Message(folder, kept["call"], kept["told"], files)

    def sent(self, folder: Path) -> None:
        """It is no longer needed."""
        shutil.rmtree(folder, ignore_errors=True)

    def refuse(self, folder: Path) -> None:
        """The tracker answers and will not have it: out of the others' way, kept to be looked at."""
        place = self.folder / REFUSED
        place.mkdir(exist_ok=True)
        folder.replace(place / folder.name)

    def close(self) -> None:
        """A temporary folder goes."""
        if self._temporary and self._given is not None:
            shutil.rmtree(self._given, ignore_errors=True)
            self._given = None
