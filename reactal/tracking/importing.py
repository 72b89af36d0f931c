"""MLflow imported whole, by one thread at a time.

Its modules import each other in circles: of two threads that begin at once, each would meet modules that the other has half
imported, and fail.
"""

from __future__ import annotations

import os
import threading

__all__ = ["import_mlflow"]

_lock = threading.Lock()


def import_mlflow() -> None:
    """Before anything of it is imported in a thread. The first call takes seconds."""
    with _lock:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # a campaign tells nobody that it runs
        import mlflow  # noqa: F401
