"""What the kernel says of a process's memory, and of processes it has killed for memory."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["machine_mib", "oom_kills", "resident_mib"]

VMSTAT = Path("/proc/vmstat")


def resident_mib(pid: int) -> float:
    """What a process has in memory; 0 where that cannot be asked."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)
    except (OSError, ValueError, IndexError):
        return 0.0


def machine_mib() -> float:
    """What this machine has in all."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") / (1 << 20)


def oom_kills() -> int:
    """How many processes this machine's kernel has killed for memory since it started, those of control groups among them;
    0 where it does not say."""
    try:
        lines = VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
