"""Who holds something in the store, and whether they still live."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["STALE_SECONDS", "is_living", "this_process"]

STALE_SECONDS = 120.0  # a process on another machine that was silent for so long is taken for dead


def this_process() -> dict[str, Any]:
    """In plain JSON values: where and which process this is, and the time (s)."""
    pid = os.getpid()
    return {"host": _host(), "pid": pid, "started": _started(pid), "time": time.time()}


def is_living(holder: Mapping[str, Any], *, beat: float | None = None) -> bool:
    """Whether that process runs, as far as can be seen from here: at once on its own machine, else by its last beat (s)."""
    if holder["host"] == _host():
        return _started(int(holder["pid"])) == str(holder["started"])
    return time.time() - float(holder["time"] if beat is None else beat) < STALE_SECONDS


def _host() -> str:
    """The machine and, inside it, the container: process numbers mean nothing outside."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}{namespace}"


def _started(pid: int) -> str:
    """When the process began, in clock ticks: a number that a later process of the same pid does not share. Empty if gone, or
    if all that is left of it is the exit code that its parent has not asked for yet."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state in ("Z", "X") else rest[18]
    except (OSError, IndexError, ValueError):
        return ""
