"""Scratch folders that never stay behind, even when the process that made them is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from pathlib import Path
from typing import final

from reactal.errors import LabelerUnavailable

__all__ = ["ScratchFolder", "sweep_scratch"]

PREFIX = "reactal-psi4-"
LOCK = "owner.lock"
YOUNG_S = 60.0  # a folder this new may not have its lock yet


@final
class ScratchFolder:
    """A new folder, locked as long as this process lives. A folder whose lock is free belongs to a dead process."""

    def __init__(self, parent: str | None) -> None:
        root = Path(parent or tempfile.gettempdir()).expanduser()
        try:
            root.mkdir(parents=True, exist_ok=True)
            sweep_scratch(root)
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._end = weakref.finalize(self, _remove, self.path, lock, os.getpid())  # at exit, if not before
        except OSError as error:
            raise LabelerUnavailable(f"no scratch folder can be made in {root} ({error}); set `scratch` to another") from error

    def remove(self) -> None:
        """The folder and what is in it; may be called twice."""
        self._end()


def _remove(path: Path, lock: int, owner: int) -> None:
    if os.getpid() == owner:  # not in a fork of the process
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def sweep_scratch(root: Path) -> int:
    """Remove what killed processes left in `root`; how many folders that were."""
    removed = 0
    for folder in root.glob(PREFIX + "*"):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _is_abandoned(folder: Path) -> bool:
    try:
        if time.time() - folder.stat().st_mtime < YOUNG_S:
            return False
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:  # of another user, half made, or being removed by another process
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
