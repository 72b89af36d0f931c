"""MLflow imported by two threads at once, as its client's and the machine's figures are: in a process that has not met it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import threading
from reactal.tracking.importing import import_mlflow

together, failed = threading.Barrier(2), []

def imports(what):
    together.wait()
    try:
        import_mlflow()
        __import__(what)
    except Exception as error:
        failed.append(f"{what}: {error}")

modules = ("mlflow.tracking", "mlflow.system_metrics.metrics.cpu_monitor")
threads = [threading.Thread(target=imports, args=(name,)) for name in modules]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(failed)
"""


def test_two_threads_may_begin_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
