"""Seeing what other processes do: the execution log, who is whose parent, who is alive. Waiting is polling with a deadline."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

DEADLINE_S = 60.0
INTERVAL_S = 0.01


def until(condition: Callable[[], bool], what: str, *, deadline_s: float = DEADLINE_S) -> None:
    """Return when the condition holds; fail with `what` at the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {deadline_s:g} s"
        time.sleep(INTERVAL_S)


def executions(log: Path) -> list[dict[str, object]]:
    """Every calculation that was begun, in order; each line has `key` and `pid`."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def latest_pid(log: Path) -> int:
    """The process that began the newest calculation."""
    return int(str(executions(log)[-1]["pid"]))


def parent_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("PPid:"):
            return int(line.split()[1])
    raise AssertionError(f"no parent of process {pid}")


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent to look does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
