"""What the machine does while a run is under way, as MLflow's page shows it: processor, memory, disk, network, GPU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, final

from reactal.tracking.importing import import_mlflow

__all__ = ["MachineWatch"]

PREFIX = "system/"  # by which MLflow's page knows them


@final
class MachineWatch:
    """Tells `told` every so many seconds, from a thread of its own, until `stop`. Uses MLflow's own monitors."""

    def __init__(self, every: float, told: Callable[[int, Mapping[str, float]], None]) -> None:
        self._every, self._told = every, told
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="reactal machine", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def _watch(self) -> None:
        monitors = _monitors()
        step = 0
        while True:
            found: dict[str, float] = {}
            for monitor in monitors:
                with suppress(Exception):  # a figure that a machine does not give is left out
                    monitor.collect_metrics()
                    found |= {PREFIX + name: float(value) for name, value in monitor.aggregate_metrics().items()}
                    monitor.clear_metrics()
            if self._over.wait(self._every if step else min(self._every, 1.0)):
                return
            self._told(step, found)
            step += 1


def _monitors() -> list[Any]:
    import_mlflow()
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    found: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(Exception):  # without an NVIDIA card or its library there is nothing to watch
        from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

        found.append(GPUMonitor())
    return found
