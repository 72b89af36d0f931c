"""How busy this machine's NVIDIA GPUs are, as nvidia-smi tells it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import final

__all__ = ["GpuUse", "gpu_use"]

QUERY = "--query-gpu=index,utilization.gpu,memory.used,memory.total"
PATIENCE_S = 5.0
MIB = 2**20


@final
@dataclass(frozen=True)
class GpuUse:
    """Of one GPU: share of the last second in which it computed, and its memory in bytes."""

    index: int
    busy: float
    memory_used: int
    memory_total: int


def gpu_use() -> tuple[GpuUse, ...]:
    """Of every GPU; empty where there is none, or where its driver does not answer in time."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        done = subprocess.run(
            [program, QUERY, "--format=csv,noheader,nounits"], capture_output=True, text=True, check=True, timeout=PATIENCE_S
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(use for line in done.stdout.splitlines() if (use := _read(line)) is not None)


def _read(line: str) -> GpuUse | None:
    """None for a GPU that does not tell: the words are then [N/A]."""
    try:
        index, busy, used, total = (int(word) for word in line.split(","))
    except ValueError:
        return None
    return GpuUse(index, busy / 100, used * MIB, total * MIB)
