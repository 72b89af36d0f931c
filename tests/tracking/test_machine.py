"""Figures of the machine by the names that MLflow's page looks for."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from reactal.tracking.machine import MachineWatch

DEADLINE_S = 120.0


def test_processor_and_memory_are_told_until_it_is_stopped() -> None:
    seen: list[tuple[int, Mapping[str, float]]] = []
    enough = threading.Event()

    def told(step: int, found: Mapping[str, float]) -> None:
        seen.append((step, found))
        if len(seen) == 2:
            enough.set()

    watch = MachineWatch(0.01, told)
    assert enough.wait(DEADLINE_S)
    watch.stop()
    assert [step for step, _ in seen[:2]] == [0, 1]
    found = seen[0][1]
    assert 0.0 <= found["system/cpu_utilization_percentage"] <= 100.0
    assert 0.0 < found["system/system_memory_usage_percentage"] <= 100.0
