"""The most memory that this process has had resident since it was last asked to watch. Linux keeps count; others say nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

CLEAR = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")
RESET_PEAK = "5"  # proc(5): the peak is what is resident now


class PeakMemory:
    """Watches from its construction on."""

    def __init__(self) -> None:
        try:
            CLEAR.write_text(RESET_PEAK)
            self._watching = True
        except OSError:
            self._watching = False

    def mib(self) -> Optional[float]:
        """None where the kernel does not say."""
        if not self._watching:
            return None
        try:
            lines = STATUS.read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)
