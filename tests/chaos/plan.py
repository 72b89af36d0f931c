"""What goes wrong in a run, and when: drawn from its seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KILLS = ("driver", "worker 0", "worker 1", "scheduler", "prefect", "mlflow")
FAULTS = (
    *(f"kill {name}" for name in KILLS),
    "interrupt driver",
    "second driver",
    "worker 0 hangs",
    "store fails",
    "store away",
)
AT_MOST = 3
WINDOW = 0.9  # of an undisturbed run's time


@dataclass(frozen=True)
class Fault:
    """`after`: seconds from the start of the run."""

    kind: str
    after: float

    def __str__(self) -> str:
        return f"{self.kind} at {self.after:.1f} s"


def plan(seed: int, seconds: float) -> list[Fault]:
    """One to three faults within the time that an undisturbed run takes."""
    random = np.random.default_rng(seed)
    kinds = random.choice(FAULTS, size=random.integers(1, AT_MOST, endpoint=True), replace=False)
    return sorted((Fault(str(kind), float(random.uniform(0.0, WINDOW * seconds))) for kind in kinds), key=lambda f: f.after)
