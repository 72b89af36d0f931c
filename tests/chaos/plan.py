"""What goes wrong in a run, and when: drawn from its seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KILLS = ("driver", "worker 0", "worker 1", "scheduler", "prefect", "mlflow")
CLOCK, FULL, TOGETHER = "clock jumps", "disk full", "two drivers together"
ANYWHERE = (
    *(f"kill {name}" for name in KILLS),
    "interrupt driver",
    "second driver",
    TOGETHER,
    "worker 0 hangs",
    CLOCK,
)
ON_S3 = ("store fails", "store away", "store slow", "upload cut", "driver killed in an upload")
ON_DISK = (FULL,)
FAULTS = (*ANYWHERE, *ON_S3, *ON_DISK)
DISK_SHARE = 0.2  # of the runs have their store on a small disk, the others in S3
AT_MOST = 3
WINDOW = 0.9  # of an undisturbed run's time


@dataclass(frozen=True)
class Fault:
    """`after`: seconds from the start of the run."""

    kind: str
    after: float

    def __str__(self) -> str:
        return f"{self.kind} at {self.after:.1f} s"


def plan(seed: int, seconds: float, *, without: tuple[str, ...] = ()) -> list[Fault]:
    """One to three faults within the time that an undisturbed run takes; a disk that fills up stands among them where the store
    is on one. `without` names those that this machine cannot have."""
    random = np.random.default_rng(seed)
    on_disk = random.random() < DISK_SHARE and FULL not in without
    size = random.integers(1, AT_MOST, endpoint=True)
    others = [kind for kind in (*ANYWHERE, *(() if on_disk else ON_S3)) if kind not in without]
    kinds = random.choice(others, size=size - on_disk, replace=False)
    drawn = [*map(str, kinds), *(ON_DISK if on_disk else ())]
    times = random.uniform(0.0, WINDOW * seconds, size=len(drawn))
    faults = (Fault(kind, 0.0 if kind == TOGETHER else float(time)) for kind, time in zip(drawn, times, strict=True))
    return sorted(faults, key=lambda fault: fault.after)
